// A Kafka broker inside this process, for `millrace demo` and for tests.
//
// It is librdkafka's mock cluster: real clients talk to it over the loopback interface. It does produce,
// fetch, groups and commits. It makes every topic that a client asks about (with 4 partitions); it does not
// take requests to create topics, look up offsets by time (the answer is: none), or keep more than about 5
// MiB or 100 000 batches per partition (the oldest go). Its destructor may take a second. Owns its threads.
// Any thread.
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kafka/client.h"

namespace millrace {

class EmbeddedBroker {
 public:
  // Topics by name and number of partitions.
  explicit EmbeddedBroker(const std::vector<std::pair<std::string, int>>& topics);

  [[nodiscard]] std::string brokers() const;

  // For tests: to inject errors and delays.
  [[nodiscard]] rd_kafka_mock_cluster_t* cluster() const { return cluster_.get(); }

 private:
  struct ClusterDestroyer {
    void operator()(rd_kafka_mock_cluster_t* cluster) const noexcept {
      rd_kafka_mock_cluster_destroy(cluster);
    }
  };
  Client client_;  // keeps the cluster's books; talks to nobody
  std::unique_ptr<rd_kafka_mock_cluster_t, ClusterDestroyer> cluster_;  // goes first
};

}  // namespace millrace
