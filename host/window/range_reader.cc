#include "window/range_reader.h"

#include <algorithm>
#include <utility>

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

// The source is asked again at least this often: a stop wakes nobody here.
constexpr std::chrono::milliseconds kLongestWait{100};

}  // namespace

RangeReader::RangeReader(RecordSource& source, const Decoder& decoder, unsigned threads,
                         std::uint32_t window_rows, WindowBuilder::Fingerprint fingerprint,
                         std::vector<Position> starts, std::chrono::milliseconds patience)
    : source_(source),
      patience_(patience),
      builder_(decoder, threads, window_rows, fingerprint, std::move(starts)) {}

RangeReader::Outcome RangeReader::read(std::span<const PartitionRange> ranges, WindowSlot& slot,
                                       const std::stop_token& stop) {
  builder_.open(slot);
  Outcome outcome = Outcome::whole;
  for (const PartitionRange& range : ranges) {
    const Outcome of_range = read_range(range, slot, stop);
    if (of_range == Outcome::whole) continue;
    outcome = of_range;
    if (outcome == Outcome::stopped) break;
  }
  builder_.close();
  return outcome;
}

RangeReader::Outcome RangeReader::read_range(const PartitionRange& range, const WindowSlot& slot,
                                             const std::stop_token& stop) {
  const std::uint32_t partition = range.partition;
  if (builder_.next(partition) != range.begin) builder_.move(partition, range.begin);
  // Of the record that the range ends in, the rows before its end are wanted as well.
  std::uint64_t left = range.records + (range.end.row > 0 ? 1 : 0) - (builder_.has_rest(partition) ? 1 : 0);
  bool beyond = false;
  Clock::time_point give_up = Clock::time_point::max();
  for (;;) {
    if (stop.stop_requested()) return Outcome::stopped;
    builder_.place(partition, {.rows = slot.capacity() - slot.places, .before = range.end});
    if (left == 0 || beyond || builder_.has_rest(partition)) break;
    RecordBatch& batch = builder_.batch();
    const auto most = std::min<std::uint64_t>(left, WindowBuilder::kBatchRecords);
    const PullOutcome pulled = source_.pull(partition, static_cast<std::size_t>(most), batch);
    const auto begins_at = [](const RecordView& record) { return Position{.offset = record.offset}; };
    const auto records = batch.records();
    const auto begin =
        std::ranges::lower_bound(records, Position{.offset = range.begin.offset}, {}, begins_at);
    const auto end = std::ranges::lower_bound(records, range.end, {}, begins_at);
    const auto count = static_cast<std::size_t>(end - begin);
    beyond = pulled.lost || end != records.end() ||
             (pulled.at_end && Position{.offset = pulled.next_offset} >= range.end);
    builder_.bring(partition, count, static_cast<std::size_t>(begin - records.begin()));
    left -= count;
    if (pulled.appended > 0 || beyond) {
      give_up = Clock::time_point::max();
      continue;
    }
    builder_.settle();
    const Clock::time_point now = Clock::now();
    if (!pulled.at_end) {
      give_up = Clock::time_point::max();  // nobody says that this is all
    } else if (give_up == Clock::time_point::max()) {
      give_up = now + patience_;
    } else if (now >= give_up) {
      return Outcome::fewer;
    }
    source_.wait(kLongestWait);
  }
  return left == 0 && builder_.next(partition) == range.end ? Outcome::whole : Outcome::fewer;
}

}  // namespace millrace
