// Room for the rows of one window, and what the window took from where.
//
// Owned by a SlotRing; one thread at a time: the assembler (and the decode workers for it) until the slot is
// handed over, the trainer until it is given back. Invariants:
//   1. Every row has a place of its own, in the order of arrival; a bad record takes the place of one and
//   leaves a hole.
//   2. `row_index` lists the places of the good rows by (partition, offset, row).
//   3. Ranges of one partition in successive windows touch: each begins where the last one ended, except
//      where the log was cut or made anew in between and reading went back to its beginning.
//   4. A slot with `rows == 0` holds bad records only. It is no window to train, and has no index of its own:
//   its
//      ranges, counts and commit offsets move the positions on, and that is all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "millrace/engine.h"
#include "millrace/window.h"

namespace millrace {

class WindowSlot {
 public:
  // How many bytes of host memory a slot needs.
  [[nodiscard]] static std::size_t bytes_needed(std::uint32_t capacity, std::uint32_t features);

  // `memory` holds bytes_needed(capacity, features) bytes, aligned to 64.
  WindowSlot(std::uint32_t capacity, std::uint32_t features, HostBuffer memory);

  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] std::uint32_t features() const { return features_; }
  [[nodiscard]] float* values() { return values_; }                // [capacity, features]
  [[nodiscard]] float* labels() { return labels_; }                // [capacity]
  [[nodiscard]] std::uint32_t* row_index() { return row_index_; }  // [capacity]

  // Only where `rows > 0`; valid until the slot is given back.
  [[nodiscard]] WindowView view() const;

  // Makes the slot empty, for the next window.
  void clear();

  std::uint64_t index = 0;                // of the window; where rows == 0: of the next one that has rows
  std::uint32_t places = 0;               // taken, holes included
  std::uint32_t records = 0;              // whose last row is here; bad ones included
  std::uint32_t rows = 0;                 // good rows
  std::vector<PartitionRange> ranges;     // by topic and partition; only partitions that gave records
  BadRecordCounts bad_records{};          // by reason
  std::optional<BadRecord> first_bad;     // by (topic, partition, offset); tombstones are none
  std::uint32_t letters = 0;              // bad records that went to a BadRecordSink
  std::uint64_t last_letter = 0;          // the sink's number of the last of them; 0: there was none
  std::int64_t oldest_timestamp_ms = -1;  // of the records; -1: none had one
  std::int64_t newest_timestamp_ms = -1;
  // Partitions that are read from this window on, with the indices that follow those known before.
  std::vector<PartitionStart> new_partitions;
  // [partitions] the offset to commit once this window is trained.
  std::vector<std::int64_t> commit_offsets;

 private:
  // Constant after construction.
  std::uint32_t capacity_;
  std::uint32_t features_;
  HostBuffer memory_;
  float* values_;
  float* labels_;
  std::uint32_t* row_index_;
};

}  // namespace millrace
