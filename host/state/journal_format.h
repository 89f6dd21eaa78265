// A segment of the journal as bytes, format version 1. Everything is little-endian.
//
//   bytes      what
//   0 … 7      the magic `millrjnl`
//   8 … 11     u32: the format's version
//   12 … 15    u32: the length S of the settings
//   16 … 23    u64: the sequence number of the checkpoint that the segment follows
//   24 … 31    u64: that checkpoint's trained_digest
//   32 … 31+S  the settings in effect: JSON, as in a checkpoint's header
//   8          XXH3-64 of all bytes before
//   …          entries: u32 payload length, u32 kind, payload, and u64 XXH3-64 of these, seeded with the
//              checksum before it
//
// Checksums are chained, so that an entry counts only after all that stood before it. A file that ends within
// an entry was left by a machine that stopped; one whose checksum differs is damaged. Either way the entries
// before count, and what follows does not. A file that ends between two entries equals one whose writer was
// killed there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "millrace/position.h"
#include "millrace/window.h"

#include "state/checkpoint.h"

namespace millrace {

inline constexpr std::uint32_t kJournalFormatVersion = 1;

struct JournalHeader {
  std::uint64_t sequence = 0;        // of the checkpoint that the segment follows
  std::uint64_t trained_digest = 0;  // of that checkpoint
  StreamSettings settings;           // of every window in the segment

  bool operator==(const JournalHeader&) const = default;
};

// What a window took. One without rows holds bad records only: it moves positions and trains nothing.
struct JournalWindow {
  std::uint64_t index = 0;
  std::uint64_t records = 0;      // bad ones included
  std::uint32_t rows = 0;         // good ones
  std::uint64_t rows_digest = 0;  // 0 where there are none
  std::vector<PartitionRange> ranges;
  BadRecordCounts bad_records{};
};

// The model went back to a checkpoint's; positions stayed. What the rows since then had taught it is lost.
struct JournalRollBack {
  std::uint64_t sequence = 0;  // of that checkpoint
  std::uint64_t rows = 0;
};

// A PartitionStart says that a partition is read from now on. Ranges name partitions by their place among
// these.
using JournalEntry = std::variant<PartitionStart, JournalWindow, JournalRollBack>;

// `path` names the file in errors, here and below. Errors: StateError io for settings that are not UTF-8.
[[nodiscard]] std::string encode_journal_header(const JournalHeader& header, const std::string& path);

// Appends the entry to `bytes`; returns its checksum, which the next entry's is seeded with. The first one is
// seeded with the last eight bytes of the header.
std::uint64_t encode_journal_entry(const PartitionStart& entry, std::uint64_t seed, std::string& bytes);
std::uint64_t encode_journal_entry(const JournalWindow& entry, std::uint64_t seed, std::string& bytes);
std::uint64_t encode_journal_entry(const JournalRollBack& entry, std::uint64_t seed, std::string& bytes);
[[nodiscard]] std::uint64_t journal_header_checksum(std::string_view header);

// Whether a file that begins so is a journal, whole or not.
[[nodiscard]] bool has_journal_magic(std::span<const std::byte> first_bytes);

struct JournalSegment {
  JournalHeader header;
  std::vector<JournalEntry> entries;
  std::string
      trouble;  // why entries may be missing at its end, as a clause; empty: the file ends where one ends
};

// Errors: StateError damaged (the header is), newer_version.
[[nodiscard]] JournalSegment decode_journal(std::span<const std::byte> bytes, const std::string& path);

}  // namespace millrace
