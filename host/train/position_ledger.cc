#include "train/position_ledger.h"

#include <algorithm>

namespace millrace {

PositionLedger::PositionLedger(std::span<const TopicPartition> partitions, std::span<const Position> starts,
                               std::span<const TrainedPosition> known)
    : others_(known.begin(), known.end()) {
  for (std::size_t index = 0; index < partitions.size(); ++index) {
    TrainedPosition position{partitions[index], starts[index], {}};
    const auto before = std::ranges::find(others_, position.partition, &TrainedPosition::partition);
    if (before != others_.end()) {
      // A rewind or a jump leaves the record before the position unknown.
      if (before->next == position.next) position.last_record = before->last_record;
      others_.erase(before);
    }
    current_.push_back(position);
    commits_.push_back({position.partition, position.next.offset});
  }
}

void PositionLedger::trained(std::span<const PartitionRange> ranges) {
  for (const PartitionRange& range : ranges) {
    TrainedPosition& position = current_[range.partition];
    position.next = range.end;
    if (range.records > 0) position.last_record = range.last_record;
    commits_[range.partition].offset = std::max(commits_[range.partition].offset, range.end.offset);
  }
}

void PositionLedger::committable(std::span<const std::int64_t> offsets) {
  for (std::size_t index = 0; index < offsets.size(); ++index) {
    commits_[index].offset = std::max(commits_[index].offset, offsets[index]);
  }
}

std::vector<TrainedPosition> PositionLedger::positions() const {
  std::vector<TrainedPosition> all = current_;
  all.insert(all.end(), others_.begin(), others_.end());
  std::ranges::sort(all, {}, &TrainedPosition::partition);
  return all;
}

}  // namespace millrace
