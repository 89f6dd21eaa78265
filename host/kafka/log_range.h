// Where the logs of partitions begin and end, asked of their leaders: one question for all of them.
// Any thread. Blocks for at most the client's timeout, or as long as it says. Errors: KafkaError.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/position.h"

#include "kafka/client.h"

namespace millrace {

struct LogRange {
  std::int64_t begin = 0;
  std::int64_t end =
      0;  // the next offset to be written; on a read_committed consumer, the last stable offset
};

// In the order of `partitions`, which exist.
[[nodiscard]] std::vector<LogRange> log_ranges(const Client& client,
                                               std::span<const TopicPartition> partitions);
[[nodiscard]] std::vector<LogRange> log_ranges(const Client& client,
                                               std::span<const TopicPartition> partitions,
                                               std::chrono::milliseconds at_most);

// The first offset whose record is not older than `timestamp_ms`; -1 where there is none.
[[nodiscard]] std::vector<std::int64_t> offsets_at_time(const Client& client,
                                                        std::span<const TopicPartition> partitions,
                                                        std::int64_t timestamp_ms);

[[nodiscard]] PartitionListOwner make_partition_list(std::span<const TopicPartition> partitions,
                                                     std::int64_t offset);

}  // namespace millrace
