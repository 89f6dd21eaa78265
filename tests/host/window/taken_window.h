// What tests of windows share: topics whose records say where they stand, and windows copied out of their
// slots.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "millrace/engine.h"
#include "millrace/record.h"

#include "decode/csv_decoder.h"
#include "support/memory_source.h"
#include "window/assembler.h"
#include "window/window_slot.h"

namespace millrace {

// Where a record stands; each good record of these tests holds it as its two features.
using Place = std::pair<std::uint32_t, std::int64_t>;  // partition, offset

inline std::vector<TopicPartition> partitions_of_topic(std::size_t count) {
  std::vector<TopicPartition> partitions;
  for (std::size_t i = 0; i < count; ++i) partitions.push_back({"topic", static_cast<std::int32_t>(i)});
  return partitions;
}

inline MemorySource::Record record_at(std::size_t partition, std::int64_t offset) {
  // Blanks mean nothing; with them a full batch is worth handing to another thread.
  static const std::string kBlanks(64, ' ');
  return {.key = offset % 2 == 0 ? "0" : "1",
          .value = kBlanks + std::to_string(partition) + "," + std::to_string(offset)};
}

inline void append_rows(MemorySource& source, std::size_t partition, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    source.append(partition, record_at(partition, source.end_offset(partition)));
  }
}

// A record of one field too few: column_count.
inline void append_bad(MemorySource& source, std::size_t partition) {
  source.append(partition, {.key = "1", .value = "7"});
}

inline const CsvDecoder& place_decoder() {
  static const CsvDecoder decoder({.features = 2});
  return decoder;
}

inline HostBuffer allocate_plain(std::size_t bytes) {
  constexpr std::align_val_t kAlignment{64};
  auto* const memory = static_cast<std::byte*>(::operator new(bytes, kAlignment));
  const auto release = [](void* released, std::size_t) { ::operator delete(released, kAlignment); };
  return HostBuffer(memory, HostBufferDeleter{release, bytes});
}

inline RecordFingerprint fingerprint_of(const RecordView& record) {
  const std::size_t hash = std::hash<std::string_view>{}(record.value);
  return {.offset = record.offset, .timestamp_ms = record.timestamp_ms, .hash = hash};
}

struct TakenWindow {
  std::uint64_t index = 0;
  std::uint32_t records = 0;
  std::vector<Place> rows;  // in the window's order
  std::vector<PartitionRange> ranges;
  BadRecordCounts bad_records{};
  std::optional<BadRecord> first_bad;
  std::int64_t oldest_timestamp_ms = -1;
  std::int64_t newest_timestamp_ms = -1;
  std::vector<std::int64_t> commit_offsets;
  bool labels_match = true;  // each row's label is its own
};

inline TakenWindow copy_of(const WindowSlot& slot) {
  TakenWindow window{.index = slot.index,
                     .records = slot.records,
                     .ranges = slot.ranges,
                     .bad_records = slot.bad_records,
                     .first_bad = slot.first_bad,
                     .oldest_timestamp_ms = slot.oldest_timestamp_ms,
                     .newest_timestamp_ms = slot.newest_timestamp_ms,
                     .commit_offsets = slot.commit_offsets};
  if (slot.rows == 0) return window;
  const WindowView view = slot.view();
  for (std::uint32_t i = 0; i < view.rows; ++i) {
    const std::uint32_t row = view.row_index[i];
    const float* values = view.values + std::size_t{row} * view.features;
    window.rows.emplace_back(static_cast<std::uint32_t>(values[0]), static_cast<std::int64_t>(values[1]));
    window.labels_match = window.labels_match && row < view.slot_rows &&
                          view.labels[row] == static_cast<float>(window.rows.back().second % 2);
  }
  return window;
}

// "p0 [3, 7) 4/3": partition, offsets, records and good rows of each range.
inline std::string told(const std::vector<PartitionRange>& ranges) {
  std::ostringstream text;
  for (const PartitionRange& range : ranges) {
    if (&range != ranges.data()) text << "  ";
    text << 'p' << range.partition << " [" << range.begin.offset << ", " << range.end.offset << ") "
         << range.records << '/' << range.rows;
  }
  return text.str();
}

// No window of a test is cut by time unless the test says so.
inline AssemblerSettings settings_for(const MemorySource& source, std::uint32_t window_rows,
                                      StopRule stop = {}) {
  AssemblerSettings settings{.window_rows = window_rows,
                             .window_limit = std::chrono::hours(1),
                             .stop = stop,
                             .starts = std::vector<Position>(source.partitions().size()),
                             .decode_threads = 2,
                             .slots = 3,
                             .fingerprint = &fingerprint_of};
  if (stop.when == StopRule::When::end) {
    for (std::size_t i = 0; i < source.partitions().size(); ++i)
      settings.ends.push_back(source.end_offset(i));
  }
  return settings;
}

// The next window, its slot given back; nothing after the last one.
inline std::optional<TakenWindow> take_copy(Assembler& assembler) {
  WindowSlot* const slot = assembler.take();
  if (slot == nullptr) return std::nullopt;
  TakenWindow window = copy_of(*slot);
  assembler.give_back(slot);
  return window;
}

inline std::vector<TakenWindow> take_all(Assembler& assembler) {
  std::vector<TakenWindow> windows;
  while (auto window = take_copy(assembler)) windows.push_back(std::move(*window));
  return windows;
}

}  // namespace millrace
