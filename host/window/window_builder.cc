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
    : features_(decoder.features()),
      fingerprint_(fingerprint),
      sink_(sink),
      positions_(std::move(starts)),
      places_(positions_.size()),
      outcomes_(window_rows),
      batches_(batches_for(threads)),
      pool_(decoder, threads) {
  std::iota(places_.begin(), places_.end(), 0U);
}

void WindowBuilder::read_also(Position start, std::span<const std::uint32_t> places) {
  positions_.push_back(start);
  places_.assign(places.begin(), places.end());
}

void WindowBuilder::open(WindowSlot& slot) {
  slot_ = &slot;
  slot.clear();
  runs_.clear();
}

RecordBatch& WindowBuilder::batch() {
  if (placed_ == batches_.size()) settle_oldest();
  return batches_[(oldest_ + placed_) % batches_.size()].records;
}

void WindowBuilder::place(std::uint32_t partition, std::size_t count, std::size_t first) {
  PlacedBatch& placed = batches_[(oldest_ + placed_) % batches_.size()];
  if (count == 0) {
    placed.records.clear();
    return;
  }
  const std::uint32_t first_row = slot_->records;
  const std::span<const RecordView> records = placed.records.records().subspan(first, count);
  placed.partition = partition;
  placed.job.records = records;
  placed.job.values = slot_->values() + std::size_t{first_row} * features_;
  placed.job.labels = slot_->labels() + first_row;
  placed.job.outcomes = std::span(outcomes_).subspan(first_row, count);
  note_run(partition, static_cast<std::uint32_t>(count), records.back());
  note_timestamps(records);
  slot_->records += static_cast<std::uint32_t>(count);
  ++placed_;
  pool_.start_async(placed.job);
}

void WindowBuilder::note_run(std::uint32_t partition, std::uint32_t rows, const RecordView& last) {
  if (runs_.empty() || runs_.back().partition != partition) {
    runs_.push_back({.partition = partition, .first_row = slot_->records});
  }
  Run& run = runs_.back();
  run.rows += rows;
  run.end = {.offset = last.offset + 1};
  run.last_record = fingerprint_(last);
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
  std::optional<BadRecord>& first = slot_->first_bad;
  for (std::size_t i = 0; i < placed.job.records.size(); ++i) {
    const DecodeOutcome& outcome = placed.job.outcomes[i];
    if (outcome.good) continue;
    ++slot_->bad_records[static_cast<std::size_t>(outcome.reason)];
    if (outcome.reason == BadRecordReason::tombstone) continue;  // counted, never an error
    if (sink_ != nullptr) {
      slot_->last_letter =
          sink_->take_async(placed.partition, placed.job.records[i], outcome.reason, outcome.field);
      ++slot_->letters;
    }
    const std::int64_t offset = placed.job.records[i].offset;
    if (first &&
        std::tie(places_[first->partition], first->offset) < std::tie(places_[placed.partition], offset)) {
      continue;
    }
    first = {
        .partition = placed.partition, .offset = offset, .reason = outcome.reason, .field = outcome.field};
  }
}

void WindowBuilder::settle_oldest() {
  PlacedBatch& placed = batches_[oldest_];
  pool_.wait(placed.job);
  if (placed.job.error) std::rethrow_exception(placed.job.error);
  note_bad(placed);
  placed.records.clear();
  oldest_ = (oldest_ + 1) % batches_.size();
  --placed_;
}

void WindowBuilder::settle() {
  while (placed_ > 0) settle_oldest();
}

void WindowBuilder::close() {
  settle();
  WindowSlot& slot = *slot_;
  // Runs stand in the order of arrival; within a partition that is the order of offsets.
  std::sort(runs_.begin(), runs_.end(), [this](const Run& a, const Run& b) {
    return std::tie(places_[a.partition], a.first_row) < std::tie(places_[b.partition], b.first_row);
  });
  for (const Run& run : runs_) {
    if (slot.ranges.empty() || slot.ranges.back().partition != run.partition) {
      slot.ranges.push_back({.partition = run.partition, .begin = positions_[run.partition]});
    }
    const std::uint32_t rows_before = slot.rows;
    for (std::uint32_t row = run.first_row; row < run.first_row + run.rows; ++row) {
      if (outcomes_[row].good) slot.row_index()[slot.rows++] = row;
    }
    PartitionRange& range = slot.ranges.back();
    range.end = run.end;
    range.records += run.rows;
    range.rows += slot.rows - rows_before;
    range.last_record = run.last_record;
    positions_[run.partition] = run.end;
  }
}

void WindowBuilder::abandon() noexcept {
  for (PlacedBatch& placed : batches_) {
    pool_.wait(placed.job);
    placed.records.clear();
  }
  oldest_ = 0;
  placed_ = 0;
}

}  // namespace millrace
