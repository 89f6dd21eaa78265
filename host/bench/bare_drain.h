// What reading a topic is measured against: librdkafka with one consumer instance and nothing behind it.
// Every message of the topic is fetched, counted and released.
//
// Blocks until the ends that the partitions had at the start. Its queues are as long as librdkafka likes them
// for speed (5 million messages), whatever memory that takes. Errors: KafkaError.
#pragma once

#include <cstdint>
#include <string>

#include "kafka/client.h"

namespace millrace {

struct Drained {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  // of keys and values
  double seconds = 0;       // from the assignment to the last message
};

[[nodiscard]] Drained drain_bare(const ClientSettings& settings, const std::string& topic);

}  // namespace millrace
