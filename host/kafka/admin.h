// What a cluster says of a topic, and how to make or delete one.
// Any thread; each call makes a connection of its own and blocks for at most the timeout. Errors: KafkaError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kafka/client.h"

namespace millrace {

struct TopicDescription {
  struct Partition {
    std::int32_t partition = 0;
    std::int64_t begin = 0;
    std::int64_t end = 0;  // the last stable offset: what read_committed consumers read up to
  };
  std::string topic;
  std::vector<Partition> partitions;
};

// Nothing where the cluster has no such topic.
[[nodiscard]] std::optional<TopicDescription> describe_topic(const ClientSettings& settings,
                                                             const std::string& topic);

// Returns when the topic can be seen and every partition has a leader. -1: the cluster's own replication
// factor. A topic that exists already with so many partitions is as good; with another number it is an error
// of kind other.
void create_topic(const ClientSettings& settings, const std::string& topic, int partitions,
                  int replication_factor = -1);

// Returns when the cluster took it; the topic may be seen for a moment longer.
void delete_topic(const ClientSettings& settings, const std::string& topic);

}  // namespace millrace
