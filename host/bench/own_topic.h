// A topic for one measurement: made for it, filled with sample rows, and deleted after it.
//
// One thread. Errors: OptionError for a topic that is there already; KafkaError. The destructor logs where
// the cluster keeps the topic.
#pragma once

#include <cstdint>
#include <string>

#include "kafka/client.h"

namespace millrace {

class OwnTopic {
 public:
  OwnTopic(ClientSettings client, std::string name, int partitions);
  OwnTopic(const OwnTopic&) = delete;
  OwnTopic& operator=(const OwnTopic&) = delete;
  ~OwnTopic();

 private:
  const ClientSettings client_;
  const std::string name_;
};

// Sends CSV rows of small integers, the label as the key, to the partitions in turn.
void fill_topic(const ClientSettings& client, const std::string& topic, std::uint64_t rows,
                std::uint32_t features);

}  // namespace millrace
