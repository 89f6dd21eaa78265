#include "window/window_builder.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

namespace millrace {
namespace {

// One batch being filled, one waiting for each worker to be free: no worker waits for the puller.
std::size_t batches_for(unsigned threads) { return 2 * std::size_t{threads} + 1; }

}  // namespace

WindowBuilder::WindowBuilder(const Decoder& decoder, unsigned threads, std::uint32_t window_rows,
                             Fingerprint fingerprint, std::vector<Position> starts, BadRecordSink* sink)
    : decoder_(decoder),
      fingerprint_(fingerprint),
      sink_(sink),
      streams_(starts.size()),
      places_(starts.size()),
      outcomes_(window_rows),
      batches_(batches_for(threads)),
      pool_(decoder, threads) {
  for (std::size_t i = 0; i < starts.size(); ++i) streams_[i].next = starts[i];
  std::iota(places_.begin(), places_.end(), 0U);
}

void WindowBuilder::read_also(Position start, std::span<const std::uint32_t> places) {
  streams_.emplace_back().next = start;
  places_.assign(places.begin(), places.end());
}

void WindowBuilder::move(std::uint32_t partition, Position next) {
  Stream& stream = streams_[partition];
  stream.batch.clear();
  stream.next = next;
  stream.last_record = {};
  stream.first = stream.end = 0;
  stream.rows = 0;
  stream.passed_over = 0;
}

void WindowBuilder::open(WindowSlot& slot) {
  slot_ = &slot;
  slot.clear();
  runs_.clear();
}

void WindowBuilder::bring(std::uint32_t partition, std::size_t count, std::size_t first) {
  Stream& stream = streams_[partition];
  if (count == 0) return pulled_.clear();
  stream.batch.swap(pulled_);
  stream.first = first;
  stream.end = first + count;
  const RecordView& record = stream.batch.records()[first];
  if (record.offset != stream.next.offset || stream.next.row == 0) return;
  stream.rows = decoder_.rows_of(record);
  if (static_cast<std::uint32_t>(stream.next.row) < stream.rows) return;
  stream.rows = 0;
  ++stream.first;
  ++stream.passed_over;
  if (!stream.has_rest()) stream.batch.clear();
}

WindowBuilder::Placed WindowBuilder::place(std::uint32_t partition, const Limits& limits) {
  Stream& stream = streams_[partition];
  if (!stream.has_rest()) return {};
  while (stream.decoding || placed_ == batches_.size()) settle_oldest();
  const Position begin = stream.next;
  const std::size_t first = stream.first;
  const std::span<const RecordView> records = stream.batch.records();
  const Placed given = give_places(stream, records, limits);
  if (given.rows == 0) return {};

  const std::size_t last = stream.next.row > 0 ? stream.first : stream.first - 1;
  PlacedBatch& placed = batches_[(oldest_ + placed_) % batches_.size()];
  placed.partition = partition;
  placed.has_rest = stream.decoding = stream.has_rest();
  placed.records.swap(stream.batch);
  const bool goes_on = records[first].offset == begin.offset;
  const std::uint32_t first_place = slot_->places;
  placed.job.records = records.subspan(first, last + 1 - first);
  placed.job.first_row = goes_on ? static_cast<std::uint32_t>(begin.row) : 0;
  placed.job.values = slot_->values() + std::size_t{first_place} * decoder_.features();
  placed.job.labels = slot_->labels() + first_place;
  placed.job.outcomes = std::span(outcomes_).subspan(first_place, given.rows);
  note_run(partition, begin, given, records[last]);
  note_timestamps(placed.job.records);
  slot_->places += given.rows;
  ++placed_;
  pool_.start_async(placed.job);
  return given;
}

// Moves the stream on.
WindowBuilder::Placed WindowBuilder::give_places(Stream& stream, std::span<const RecordView> records,
                                                 const Limits& limits) const {
  const Position before = limits.before;
  Placed given;
  while (stream.has_rest() && given.rows < limits.rows && given.records < limits.records) {
    const RecordView& record = records[stream.first];
    const Position at = record.offset == stream.next.offset ? stream.next : Position{.offset = record.offset};
    if (at >= before) break;
    if (stream.rows == 0) stream.rows = decoder_.rows_of(record);
    const auto row = static_cast<std::uint32_t>(at.row);
    std::uint32_t end = row + std::min(stream.rows - row, limits.rows - given.rows);
    if (record.offset == before.offset) end = std::min(end, static_cast<std::uint32_t>(before.row));
    given.rows += end - row;
    given.largest = std::max(given.largest, stream.rows);
    if (end < stream.rows) {
      stream.next = {.offset = record.offset, .row = static_cast<std::int32_t>(end)};
      break;
    }
    ++given.records;
    stream.next = {.offset = record.offset + 1};
    stream.rows = 0;
    ++stream.first;
  }
  if (given.rows > 0) given.records += std::exchange(stream.passed_over, 0);
  return given;
}

void WindowBuilder::note_run(std::uint32_t partition, Position begin, const Placed& placed,
                             const RecordView& last) {
  Stream& stream = streams_[partition];
  if (stream.last_record.offset != last.offset) stream.last_record = fingerprint_(last);
  if (runs_.empty() || runs_.back().partition != partition) {
    runs_.push_back({.partition = partition, .first_row = slot_->places, .begin = begin});
  }
  Run& run = runs_.back();
  run.rows += placed.rows;
  run.records += placed.records;
  run.end = stream.next;
  run.last_record = stream.last_record;
}

void WindowBuilder::note_timestamps(std::span<const RecordView> records) {
  std::int64_t& oldest = slot_->oldest_timestamp_ms;
  std::int64_t& newest = slot_->newest_timestamp_ms;
  for (const RecordView& record : records) {
    if (record.timestamp_ms < 0) continue;
    if (oldest < 0 || record.timestamp_ms < oldest) oldest = record.timestamp_ms;
    if (record.timestamp_ms > newest) newest = record.timestamp_ms;
  }
}

void WindowBuilder::note_bad(const PlacedBatch& placed) {
  const std::span<const DecodeOutcome> outcomes = placed.job.outcomes;
  if (std::ranges::all_of(outcomes, &DecodeOutcome::good)) return;
  std::size_t place = 0;
  std::uint32_t first_row = placed.job.first_row;
  for (const RecordView& record : placed.job.records) {
    if (!outcomes[place].good) note_bad_record(placed.partition, record, outcomes[place]);
    place += outcomes[place].good ? decoder_.rows_of(record) - first_row : 1;
    first_row = 0;
  }
}

void WindowBuilder::note_bad_record(std::uint32_t partition, const RecordView& record,
                                    const DecodeOutcome& outcome) {
  ++slot_->bad_records[static_cast<std::size_t>(outcome.reason)];
  if (outcome.reason == BadRecordReason::tombstone) return;  // counted, never an error
  if (sink_ != nullptr) {
    slot_->last_letter = sink_->take_async(partition, record, outcome);
    ++slot_->letters;
  }
  std::optional<BadRecord>& first = slot_->first_bad;
  if (first &&
      std::tie(places_[first->partition], first->offset) < std::tie(places_[partition], record.offset)) {
    return;
  }
  first = {.partition = partition,
           .offset = record.offset,
           .reason = outcome.reason,
           .field = outcome.field,
           .row = outcome.row};
}

void WindowBuilder::settle_oldest() {
  PlacedBatch& placed = batches_[oldest_];
  pool_.wait(placed.job);
  if (placed.job.error) std::rethrow_exception(placed.job.error);
  note_bad(placed);
  if (placed.has_rest) {
    Stream& stream = streams_[placed.partition];
    stream.batch.swap(placed.records);
    stream.decoding = false;
  } else {
    placed.records.clear();
  }
  oldest_ = (oldest_ + 1) % batches_.size();
  --placed_;
}

void WindowBuilder::settle() {
  while (placed_ > 0) settle_oldest();
}

void WindowBuilder::close() {
  settle();
  WindowSlot& slot = *slot_;
  // Runs stand in the order of arrival; within a partition that is the order of positions.
  std::sort(runs_.begin(), runs_.end(), [this](const Run& a, const Run& b) {
    return std::tie(places_[a.partition], a.first_row) < std::tie(places_[b.partition], b.first_row);
  });
  for (const Run& run : runs_) {
    if (slot.ranges.empty() || slot.ranges.back().partition != run.partition) {
      slot.ranges.push_back({.partition = run.partition, .begin = run.begin});
    }
    const std::uint32_t rows_before = slot.rows;
    for (std::uint32_t row = run.first_row; row < run.first_row + run.rows; ++row) {
      if (outcomes_[row].good) slot.row_index()[slot.rows++] = row;
    }
    PartitionRange& range = slot.ranges.back();
    range.end = run.end;
    range.records += run.records;
    range.rows += slot.rows - rows_before;
    range.last_record = run.last_record;
    slot.records += run.records;
  }
}

void WindowBuilder::abandon() noexcept {
  for (PlacedBatch& placed : batches_) {
    pool_.wait(placed.job);
    placed.records.clear();
  }
  for (Stream& stream : streams_) {
    stream.batch.clear();
    stream.first = stream.end = 0;
  }
  pulled_.clear();
  oldest_ = 0;
  placed_ = 0;
}

}  // namespace millrace
