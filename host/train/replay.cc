#include "train/replay.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "millrace/errors.h"

#include "kafka/fingerprint.h"
#include "window/range_reader.h"
#include "window/rows_digest.h"
#include "window/window_slot.h"

namespace millrace {
namespace {

// A log that ends before a range does is short for good after this time.
constexpr std::chrono::milliseconds kPatience{5000};

// One segment, from its checkpoint on.
class SegmentReplay {
 public:
  SegmentReplay(const JournalSegment& segment, const ReplayParts& parts, Checkpoint checkpoint)
      : segment_(segment),
        parts_(parts),
        checkpoint_(std::move(checkpoint)),
        begin_(checkpoint_.model),
        window_rows_(most_places(segment)),
        slot_(window_rows_, parts.decoder.features(),
              parts.engine.allocate_host(WindowSlot::bytes_needed(window_rows_, parts.decoder.features()))) {}

  // False: stopped.
  bool run(ReplayCounts& counts, const std::stop_token& stop) {
    parts_.engine.restore(checkpoint_.model);
    for (const JournalEntry& entry : segment_.entries) {
      if (const auto* partition = std::get_if<PartitionStart>(&entry)) {
        partitions_.push_back(*partition);
        reader_.reset();  // the source may not know it
      } else if (const auto* window = std::get_if<JournalWindow>(&entry)) {
        if (!train(*window, counts, stop)) return false;
      } else {
        roll_back(std::get<JournalRollBack>(entry));
      }
    }
    checkpoint_.model = parts_.engine.snapshot();
    return true;
  }

  [[nodiscard]] Checkpoint take() { return std::move(checkpoint_); }

 private:
  bool train(const JournalWindow& window, ReplayCounts& counts, const std::stop_token& stop) {
    if (reader_ == nullptr) open();
    const RangeReader::Outcome outcome = reader_->read(ranges_in_source(window), slot_, stop);
    if (outcome == RangeReader::Outcome::stopped) return false;
    if (outcome == RangeReader::Outcome::fewer) reader_.reset();
    slot_.index = window.index;
    const std::uint64_t digest = slot_.rows > 0 ? rows_digest(slot_.view()) : 0;
    if (slot_.rows != window.rows || digest != window.rows_digest) {
      if (!parts_.goes_on_after_loss) throw changed(window);
      ++counts.changed_windows;
    }
    WindowOutcome trained;
    if (slot_.rows > 0) {
      parts_.engine.stage(slot_.view());
      parts_.engine.score();
      parts_.engine.train();
      trained = parts_.engine.wait();
    }
    account(window, trained);
    counts.windows += window.rows > 0 ? 1 : 0;
    counts.rows += slot_.rows;
    slot_.clear();
    return true;
  }

  void roll_back(const JournalRollBack& entry) {
    const bool to_begin = entry.sequence == segment_.header.sequence;
    parts_.engine.restore(to_begin ? begin_ : parts_.earlier_model(entry.sequence));
    checkpoint_.lifetime.rolled_back_rows += entry.rows;
  }

  void open() {
    reader_.reset();
    source_.reset();
    std::vector<TrainedPosition> wanted;
    wanted.reserve(partitions_.size());
    for (const PartitionStart& each : partitions_) wanted.push_back(position_of(each));
    source_ = parts_.open_source(wanted);
    const std::span<const TopicPartition> partitions = source_->partitions();
    std::vector<Position> starts(partitions.size());
    in_source_.clear();
    for (const TrainedPosition& each : wanted) {
      const auto found = std::ranges::find(partitions, each.partition);
      if (found == partitions.end()) {
        throw KafkaError(KafkaError::Kind::partition_missing, "replaying the journal",
                         "UNKNOWN_TOPIC_OR_PART", "the journal names it, but the topic does not have it",
                         each.partition.topic, each.partition.partition);
      }
      in_source_.push_back(static_cast<std::uint32_t>(found - partitions.begin()));
      starts[in_source_.back()] = each.next;
    }
    reader_ = std::make_unique<RangeReader>(*source_, parts_.decoder, parts_.decode_threads, window_rows_,
                                            &fingerprint_of, std::move(starts), kPatience);
  }

  // The journal's numbers of partitions are not the source's.
  std::vector<PartitionRange> ranges_in_source(const JournalWindow& window) const {
    std::vector<PartitionRange> ranges = window.ranges;
    for (PartitionRange& range : ranges) range.partition = in_source_[range.partition];
    return ranges;
  }

  TrainedPosition position_of(const PartitionStart& wanted) const {
    const auto known =
        std::ranges::find(checkpoint_.positions, wanted.partition, &TrainedPosition::partition);
    if (known != checkpoint_.positions.end()) return *known;
    return {wanted.partition, wanted.start, {}};
  }

  void account(const JournalWindow& window, const WindowOutcome& trained) {
    for (const PartitionRange& range : window.ranges) {
      TrainedPosition position = position_of(partitions_[range.partition]);
      position.next = range.end;
      position.last_record = range.last_record;
      auto at = std::ranges::lower_bound(checkpoint_.positions, position.partition, {},
                                         &TrainedPosition::partition);
      if (at == checkpoint_.positions.end() || at->partition != position.partition) {
        at = checkpoint_.positions.insert(at, position);
      }
      *at = position;
    }
    Lifetime& lifetime = checkpoint_.lifetime;
    lifetime.records += window.records;
    lifetime.rows += slot_.rows;
    lifetime.windows += window.rows > 0 ? 1 : 0;
    lifetime.steps += trained.steps;
    lifetime.skipped_steps += trained.skipped_steps;
    for (const std::uint64_t bad : window.bad_records) lifetime.bad_records += bad;
    add_to(lifetime.bad_records_by_reason, window.bad_records);
    if (window.rows > 0) checkpoint_.windows = window.index + 1;
  }

  [[nodiscard]] ChangedWindowError changed(const JournalWindow& window) const {
    std::vector<ChangedWindowError::Range> ranges;
    ranges.reserve(window.ranges.size());
    for (const PartitionRange& range : window.ranges) {
      ranges.push_back({partitions_[range.partition].partition, range.begin.offset, range.end.offset});
    }
    return {window.index, window.rows, slot_.rows, std::move(ranges)};
  }

  const JournalSegment& segment_;
  const ReplayParts& parts_;
  Checkpoint checkpoint_;
  const ModelState begin_;
  const std::uint32_t window_rows_;
  WindowSlot slot_;
  std::vector<PartitionStart> partitions_;  // by the journal's numbers
  std::vector<std::uint32_t> in_source_;    // [partitions] the source's
  std::unique_ptr<RecordSource> source_;
  std::unique_ptr<RangeReader> reader_;  // reads the source
};

}  // namespace

std::uint32_t most_places(const JournalSegment& segment) {
  std::uint64_t most = segment.header.settings.window_rows;
  for (const JournalEntry& entry : segment.entries) {
    const auto* const window = std::get_if<JournalWindow>(&entry);
    if (window == nullptr) continue;
    most = std::max(most, window->rows + sum_of(window->bad_records));
  }
  return static_cast<std::uint32_t>(most);
}

bool replay_segment(const JournalSegment& segment, const ReplayParts& parts, Checkpoint& checkpoint,
                    ReplayCounts& counts, const std::stop_token& stop) {
  SegmentReplay replay(segment, parts, checkpoint);
  ReplayCounts more = counts;
  if (!replay.run(more, stop)) return false;
  checkpoint = replay.take();
  counts = more;
  return true;
}

}  // namespace millrace
