// What reading a topic is measured against: librdkafka with nothing behind it. Every message of the topic is
// fetched, counted and released.
//
// Each instance has its share of the partitions, as a KafkaSource deals them out, and a thread that drains
// it. Blocks until the ends that the partitions had at the start. Its queues are as long as librdkafka likes
// them for speed (5 million messages), whatever memory that takes. Errors: KafkaError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "kafka/client.h"

namespace millrace {

struct Drained {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;       // of keys and values
  double seconds = 0;            // from the assignments to the last message
  double processor_seconds = 0;  // of all threads, in that time
};

// `instances` is at least 1, and at most the number of partitions is used.
[[nodiscard]] Drained drain_bare(const ClientSettings& settings, const std::string& topic,
                                 std::size_t instances);

}  // namespace millrace
