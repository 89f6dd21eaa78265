// Three real Kafka brokers for a test, each a controller as well: any one may fail, and what was acknowledged
// by all replicas in sync stays. Topics have three replicas, of which two must be in sync.
//
// Starting takes about ten seconds on two cores. Invariants as for KafkaBroker. One thread calls everything.
// Errors: std::runtime_error.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "support/kafka_node.h"
#include "support/temp_dir.h"

namespace millrace::support {

class KafkaCluster {
 public:
  static constexpr int kNodes = 3;

  explicit KafkaCluster(const std::string& version);
  KafkaCluster(const KafkaCluster&) = delete;
  KafkaCluster& operator=(const KafkaCluster&) = delete;
  ~KafkaCluster();

  // All three.
  [[nodiscard]] std::string brokers() const;

  void create_topic(const std::string& name, int partitions);
  // Whether all replicas of the topic are in sync.
  [[nodiscard]] bool is_whole(const std::string& topic, int partitions) const;
  // By index, 0 to 2. -1: none now.
  [[nodiscard]] int leader_of(const std::string& topic, int partition) const;

  [[nodiscard]] KafkaNode& node(int index) { return *nodes_.at(static_cast<std::size_t>(index)); }

 private:
  TempDir folder_;
  std::array<std::unique_ptr<KafkaNode>, kNodes> nodes_;
};

}  // namespace millrace::support
