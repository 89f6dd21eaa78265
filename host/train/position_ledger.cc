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
    add(position, true);
  }
  // A topic that was made anew may have fewer partitions than the state knows: those are no more.
  std::erase_if(others_, [&](const TrainedPosition& other) {
    const auto is_of_topic = [&](const TopicPartition& read) { return read.topic == other.partition.topic; };
    return std::ranges::any_of(partitions, is_of_topic);
  });
}

void PositionLedger::add(const TrainedPosition& position, bool has_position) {
  partitions_.push_back(position.partition);
  current_.push_back(position);
  has_position_.push_back(has_position);
  commits_.push_back({position.partition, position.next.offset});
}

void PositionLedger::read_also(std::span<const PartitionStart> found) {
  for (const PartitionStart& added : found) add({added.partition, added.start, {}}, false);
}

void PositionLedger::trained(std::span<const PartitionRange> ranges) {
  for (const PartitionRange& range : ranges) {
    TrainedPosition& position = current_[range.partition];
    std::int64_t& commit = commits_[range.partition].offset;
    const bool went_back = range.begin < position.next;  // in a log that was cut or made anew
    commit = went_back ? range.end.offset : std::max(commit, range.end.offset);
    position.next = range.end;
    position.last_record = range.last_record;
    has_position_[range.partition] = true;
  }
}

void PositionLedger::committable(std::span<const std::int64_t> offsets) {
  for (std::size_t index = 0; index < std::min(offsets.size(), commits_.size()); ++index) {
    commits_[index].offset = std::max(commits_[index].offset, offsets[index]);
  }
}

std::vector<PartitionStart> PositionLedger::starts() const {
  std::vector<PartitionStart> starts;
  for (const TrainedPosition& position : current_) starts.push_back({position.partition, position.next});
  return starts;
}

std::vector<TrainedPosition> PositionLedger::positions() const {
  std::vector<TrainedPosition> all = others_;
  for (std::size_t index = 0; index < current_.size(); ++index) {
    if (has_position_[index]) all.push_back(current_[index]);
  }
  std::ranges::sort(all, {}, &TrainedPosition::partition);
  return all;
}

}  // namespace millrace
