#include "kafka/data_loss.h"

#include <spdlog/spdlog.h>

namespace millrace {

using Kind = DataLossError::Kind;

std::optional<DataLoss> loss_at(const TopicPartition& partition, std::int64_t position, const LogRange& log) {
  if (position < log.begin) return DataLoss{Kind::deleted, partition, position, log};
  if (position > log.end) return DataLoss{Kind::beyond_end, partition, position, log};
  return std::nullopt;
}

std::int64_t DataLosses::meet(const DataLoss& loss) {
  const TopicPartition& partition = loss.partition;
  if (!go_on()) {
    throw DataLossError(loss.kind, partition, loss.position, loss.log.begin, loss.log.end);
  }
  ++count_;
  if (loss.kind == Kind::deleted) {
    const std::int64_t lost = loss.log.begin - loss.position;
    lost_offsets_ += static_cast<std::uint64_t>(lost);
    spdlog::warn(
        "{}/{}: records from offset {} on were deleted from the log; going on at its beginning, {}: "
        "{} offsets are lost",
        partition.topic, partition.partition, loss.position, loss.log.begin, lost);
  } else {
    spdlog::warn(
        "{}/{}: the log that held offset {} was cut or made anew; going on at the beginning of what "
        "is there now, offsets {} to {}",
        partition.topic, partition.partition, loss.position, loss.log.begin, loss.log.end);
  }
  return loss.log.begin;
}

}  // namespace millrace
