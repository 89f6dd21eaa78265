// Which positions are trained, and which offsets may be committed. One thread.
//
// Invariants: (1) a trained position comes from records only; the offset to commit may lie beyond it, past
// control records; (2) positions of topics that this run does not read stay as the state had them; (3) a
// partition that was found while running has no position before a window with records of it is trained: the
// windows alone say what positions there are.
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

  // These take the next indices.
  void read_also(std::span<const PartitionStart> found);

  void trained(std::span<const PartitionRange> ranges);
  // By partition index; of partitions that no window told of, nothing is committed.
  void committable(std::span<const std::int64_t> offsets);

  // All positions, those of other topics included, sorted by partition: what a checkpoint holds.
  [[nodiscard]] std::vector<TrainedPosition> positions() const;
  // Offsets to commit for the partitions of this run.
  [[nodiscard]] const std::vector<CommitOffset>& commits() const { return commits_; }
  // The same partitions and where they stand, as a journal begins with them.
  [[nodiscard]] std::vector<PartitionStart> starts() const;
  // Trained positions of this run's partitions, by partition index.
  [[nodiscard]] std::span<const TrainedPosition> current() const { return current_; }
  // Their names. Void after read_also.
  [[nodiscard]] std::span<const TopicPartition> partitions() const { return partitions_; }

 private:
  void add(const TrainedPosition& position, bool has_position);

  // By partition index.
  std::vector<TopicPartition> partitions_;
  std::vector<TrainedPosition> current_;
  std::vector<bool> has_position_;
  std::vector<CommitOffset> commits_;

  std::vector<TrainedPosition> others_;
};

}  // namespace millrace
