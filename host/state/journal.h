// The journal: which rows each window took, written before the window is trained. Together with a checkpoint
// it determines a run, so that a restart trains the same windows again.
//
//   DIR/journal-0000000042.millrace   what was taken after checkpoint 42, up to the next one
//
// A Journal writes one segment. Owned by the state folder; one thread calls everything. Invariants:
//   1. An entry that append() returned from survives the end of the process; one that sync() returned after
//      survives the end of the machine.
//   2. Entries are synced in groups: no entry waits for longer than kSyncEvery, as long as more come.
//   3. After an error nothing more can be appended: the segment may end within an entry.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "state/durable_file.h"
#include "state/journal_format.h"

namespace millrace {

class Journal {
 public:
  static constexpr std::chrono::seconds kSyncEvery{1};

  // Makes the segment, with `partitions` as its first entries, durably. What stood under the name is
  // replaced. Errors: StateError.
  Journal(const std::filesystem::path& file, const JournalHeader& header,
          std::span<const PartitionStart> partitions);

  // Errors: StateError.
  void append(const JournalWindow& window) { append_entry(window); }
  void append(const PartitionStart& partition) { append_entry(partition); }
  void append(const JournalRollBack& roll_back) { append_entry(roll_back); }

  // What was appended is on the disk. Errors: StateError.
  void sync();

 private:
  using Clock = std::chrono::steady_clock;

  template <typename Entry>
  void append_entry(const Entry& entry);

  std::filesystem::path file_;
  FileDescriptor descriptor_{-1};
  std::uint64_t checksum_ = 0;  // of the last entry
  std::string buffer_;          // for one entry
  bool synced_ = true;
  bool failed_ = false;
  Clock::time_point last_sync_;
};

// Whether a file begins as a journal does. False also where it cannot be read.
[[nodiscard]] bool is_journal(const std::filesystem::path& file);

// Errors: StateError damaged (the header is), newer_version, missing, io.
[[nodiscard]] JournalSegment read_journal(const std::filesystem::path& file);

}  // namespace millrace
