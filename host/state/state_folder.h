// The folder that a trainer keeps its state in: numbered checkpoints, the journal, and a lock.
//
//   DIR/lock                             names the process that holds the folder
//   DIR/checkpoint-0000000042.millrace   the newest few
//   DIR/journal-0000000042.millrace      what was trained after checkpoint 42 (state/journal.h)
//
// StateFolder owns DIR until it is destroyed; the kernel lets go of it for a process that is killed. One
// thread calls everything. The free functions take no lock and only read: any process may use them while a
// trainer runs.
//
// Invariants: (1) one owner at a time; (2) sequence numbers only grow, and none is given twice to a
// checkpoint that was saved; (3) there is always a valid checkpoint after the first save, whenever the
// process or the machine stops; (4) a folder whose checkpoints are all damaged is an error, never a new
// beginning; (5) a checkpoint of a newer format is an error, never passed over; (6) the journal reaches from
// the oldest checkpoint that is kept to the present.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "state/checkpoint.h"
#include "state/durable_file.h"
#include "state/journal.h"

namespace millrace {

class StateFolder {
 public:
  static constexpr std::size_t kDefaultKeep = 3;

  // Makes the folder if it is missing (mode 0700), locks it, and removes temporaries that a killed process
  // left. Errors: StateError locked (the detail names the holder), not_writable, no_space, io.
  [[nodiscard]] static StateFolder open(const std::filesystem::path& folder);

  StateFolder(StateFolder&&) noexcept = default;
  StateFolder& operator=(StateFolder&&) = delete;
  ~StateFolder();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  // The newest checkpoint that can be read; none if the folder has none at all. Damaged newer ones are passed
  // over and told in fallbacks(). Errors: StateError damaged (every one is; the detail names them),
  // newer_version, io.
  [[nodiscard]] std::optional<Checkpoint> newest();

  // The newest checkpoint whose last update was made: training that has come to nothing may go back to it. It
  // is kept, however many come after it. Errors: StateError newer_version, io.
  [[nodiscard]] std::optional<Checkpoint> newest_good() const;

  // One sentence for each checkpoint that the last newest() passed over: what was wrong and what is used
  // instead.
  [[nodiscard]] std::span<const std::string> fallbacks() const noexcept { return fallbacks_; }

  // What the journal holds after the checkpoint, as far as it can be read; journal_notes() tells what cannot.
  // More than one segment where newer checkpoints were passed over. Errors: StateError newer_version, io.
  [[nodiscard]] std::vector<JournalSegment> journal_after(const Checkpoint& checkpoint);
  [[nodiscard]] std::span<const std::string> journal_notes() const noexcept { return journal_notes_; }

  // Syncs the journal, gives the checkpoint its sequence number and its time, makes it durable, begins its
  // segment of the journal, then removes all checkpoints but the newest `keep` and the segments that only
  // older ones need. Checkpoints known to be damaged do not count among these. Returns the file. Errors: as
  // write_checkpoint and Journal; the checkpoints before stay as they were.
  // `partitions` are those that windows from now on come from, in the order in which ranges number them.
  std::filesystem::path save(Checkpoint& checkpoint, std::span<const PartitionStart> partitions = {});

  // Begins the segment after the checkpoint, which is the newest one: for a run that goes on from it and has
  // nothing to replay. Errors: StateError.
  void begin_journal(const Checkpoint& checkpoint, std::span<const PartitionStart> partitions);

  // After save or begin_journal.
  [[nodiscard]] Journal& journal() { return *journal_; }

  // At least 1 is kept.
  void set_keep(std::size_t checkpoints) noexcept { keep_ = checkpoints == 0 ? 1 : checkpoints; }

 private:
  StateFolder(std::filesystem::path folder, FileDescriptor lock, std::uint64_t next_sequence);
  void remove_old() const;

  std::filesystem::path path_;
  FileDescriptor lock_;
  std::size_t keep_ = kDefaultKeep;
  std::uint64_t next_sequence_;
  std::optional<std::uint64_t> good_;  // sequence of newest_good(), as far as saved or looked for
  std::set<std::uint64_t> damaged_;
  std::vector<std::string> fallbacks_;
  std::vector<std::string> journal_notes_;
  std::unique_ptr<Journal> journal_;  // null before
};

struct ListedCheckpoint {
  std::filesystem::path file;
  std::uint64_t sequence = 0;
  std::uint64_t bytes = 0;
};

// What is in a folder by name, oldest first; reads none of it. Errors: StateError missing, io.
[[nodiscard]] std::vector<ListedCheckpoint> list_checkpoints(const std::filesystem::path& folder);

// As StateFolder::newest, without the lock. A checkpoint that a running trainer removes meanwhile is no
// error. Errors: StateError missing (no such folder), damaged, newer_version, io.
[[nodiscard]] std::optional<Checkpoint> read_newest_checkpoint(const std::filesystem::path& folder,
                                                               std::vector<std::string>* fallbacks = nullptr);

// `checkpoint-0000000042.millrace`
[[nodiscard]] std::string checkpoint_file_name(std::uint64_t sequence);
// `journal-0000000042.millrace`
[[nodiscard]] std::string journal_file_name(std::uint64_t sequence);

// The segments of a folder from `sequence` on, oldest first, up to the first that cannot be read; `notes`
// tells what is wrong with that one, and where entries are missing. Reads only.
// Errors: StateError missing (no such folder), newer_version, io.
[[nodiscard]] std::vector<JournalSegment> read_journals(const std::filesystem::path& folder,
                                                        std::uint64_t sequence,
                                                        std::vector<std::string>& notes);

}  // namespace millrace
