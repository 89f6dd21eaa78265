// Records that should be read next and are not in the log: whether that ends the reading, and how much it
// was.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "millrace/errors.h"
#include "millrace/position.h"

#include "kafka/log_range.h"

namespace millrace {

enum class OnDataLoss { stop, go_on };

struct DataLoss {
  DataLossError::Kind kind = DataLossError::Kind::deleted;
  TopicPartition partition;
  std::int64_t position = 0;  // what was to be read next
  LogRange log;
};

// Whether the position lies outside the log.
[[nodiscard]] std::optional<DataLoss> loss_at(const TopicPartition& partition, std::int64_t position,
                                              const LogRange& log);

// One thread meets losses; any thread may count them.
class DataLosses {
 public:
  explicit DataLosses(OnDataLoss rule) : rule_(rule) {}

  // Whether reading goes on without what is lost.
  [[nodiscard]] bool go_on() const { return rule_ == OnDataLoss::go_on; }

  // Throws DataLossError; or counts the loss, says in the log what it was, and returns where reading goes on:
  // the beginning of what the log holds.
  std::int64_t meet(const DataLoss& loss);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Of those that are known; how much a log that was made anew had held, nobody knows.
  [[nodiscard]] std::uint64_t lost_offsets() const { return lost_offsets_; }

 private:
  const OnDataLoss rule_;
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<std::uint64_t> lost_offsets_ = 0;
};

}  // namespace millrace
