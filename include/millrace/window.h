// A window: rows that accumulated until a count or a time limit, trained as one unit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "millrace/position.h"

namespace millrace {

// Why a record gave no row. Closed: every decoder reports one of these.
enum class BadRecordReason : std::uint8_t {
  tombstone,      // null value; counted, never an error
  column_count,   // too few or too many fields
  not_a_number,   // a field that is neither a number nor a missing value
  not_finite,     // a number beyond float32's range, or an infinity
  label_missing,  // null or empty key, absent header or field
  label_invalid,  // not a number, or outside [0, 1]
  malformed,      // not of the format at all: broken quotes, invalid UTF-8
  too_large,      // larger than the settings allow
};
inline constexpr std::size_t kBadRecordReasons = 8;

// "column_count" and so on: the names in metrics, --json and dead letters.
[[nodiscard]] std::string_view name_of(BadRecordReason reason);
// What such a record is or does, for sentences that begin with it: "has too few or too many fields".
[[nodiscard]] std::string_view phrase_of(BadRecordReason reason);

using BadRecordCounts = std::array<std::uint64_t, kBadRecordReasons>;

inline void add_to(BadRecordCounts& sum, const BadRecordCounts& more) {
  for (std::size_t reason = 0; reason < kBadRecordReasons; ++reason) sum[reason] += more[reason];
}

[[nodiscard]] inline std::uint64_t sum_of(const BadRecordCounts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  return sum;
}

// What a window took from one partition: the half-open range of positions, and how much was in it.
// This is the part of a journal entry that says where rows came from.
struct PartitionRange {
  std::uint32_t partition = 0;  // index in RecordSource::partitions()
  Position begin;
  Position end;
  std::uint64_t records = 0;      // whose last row it took; bad ones included
  std::uint64_t rows = 0;         // good ones
  RecordFingerprint last_record;  // of which it took a row, though perhaps not the last one
};

// The first bad record of a window, tombstones aside, to name it.
struct BadRecord {
  std::uint32_t partition = 0;  // index in RecordSource::partitions()
  std::int64_t offset = 0;
  BadRecordReason reason = BadRecordReason::malformed;
  std::int32_t field = -1;  // from 0; -1: none in particular
  std::int32_t row = -1;    // of a record of many, from 0; -1: none in particular
};

// The rows of one window where an engine finds them. Rows were placed before they were decoded, so bad ones
// left holes; `row_index` lists the good ones by (topic, partition, offset, row).
struct WindowView {
  std::uint64_t index = 0;  // windows since the state began, from 0
  std::uint32_t rows = 0;   // good rows, at least 1
  std::uint32_t slot_rows = 0;
  std::uint32_t features = 0;
  const float* values = nullptr;             // [slot_rows, features] row-major; a missing value is NaN
  const float* labels = nullptr;             // [slot_rows], in [0, 1]
  const std::uint32_t* row_index = nullptr;  // [rows] rows of the slot, in the window's order
};

}  // namespace millrace
