// Which positions are trained, and which offsets may be committed. One thread.
//
// Invariants: (1) a trained position comes from records only; the offset to commit may lie beyond it, past
// control records; (2) positions of partitions that this run does not read stay as the state had them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "millrace/position.h"
#include "millrace/window.h"

namespace millrace {

class PositionLedger {
 public:
  // `starts`: where each of `partitions` begins in this run; `known`: the positions of the state it resumes.
  PositionLedger(std::span<const TopicPartition> partitions, std::span<const Position> starts,
                 std::span<const TrainedPosition> known);

  void trained(std::span<const PartitionRange> ranges);
  void committable(std::span<const std::int64_t> offsets);  // by partition index

  // All positions, those of other partitions included, sorted by partition: what a checkpoint holds.
  [[nodiscard]] std::vector<TrainedPosition> positions() const;
  // Offsets to commit for the partitions of this run.
  [[nodiscard]] const std::vector<CommitOffset>& commits() const { return commits_; }
  // Trained positions of this run's partitions, by partition index.
  [[nodiscard]] std::span<const TrainedPosition> current() const { return current_; }

 private:
  std::vector<TrainedPosition> current_;
  std::vector<TrainedPosition> others_;
  std::vector<CommitOffset> commits_;
};

}  // namespace millrace
