// A client of a test's Kafka for metadata and the making of topics.
//
// One thread calls everything. Errors: std::runtime_error.
#pragma once

#include <chrono>
#include <librdkafka/rdkafka.h>
#include <map>
#include <string>

namespace millrace::support {

class ClusterClient {
 public:
  explicit ClusterClient(const std::string& brokers);
  ClusterClient(const ClusterClient&) = delete;
  ClusterClient& operator=(const ClusterClient&) = delete;
  ~ClusterClient() { rd_kafka_destroy(handle_); }

  // How many brokers the cluster has; 0 when nothing answers in time.
  [[nodiscard]] int broker_count(std::chrono::milliseconds at_most) const;

  // Whether the topic has so many partitions, each with a leader and at least `in_sync` replicas in sync.
  [[nodiscard]] bool has_leaders(const std::string& topic, int partitions, int in_sync = 1) const;

  // -1: none, or no answer.
  [[nodiscard]] int leader_of(const std::string& topic, int partition) const;

  // Returns when every partition has a leader and all its replicas.
  void create_topic(const std::string& name, int partitions, int replicas,
                    const std::map<std::string, std::string>& configs);

 private:
  rd_kafka_t* handle_ = nullptr;
};

}  // namespace millrace::support
