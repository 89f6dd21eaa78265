#include "support/kafka_cluster.h"

#include <chrono>
#include <gtest/gtest.h>
#include <iostream>
#include <stdexcept>

#include "support/cluster_client.h"

namespace millrace::support {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kStartLimit{120};

// A node that is silent is given up sooner than by default (nine seconds), so that a test sees many failures.
constexpr const char* kQuickToNotice =
    "default.replication.factor=3\n"
    "min.insync.replicas=2\n"
    "broker.heartbeat.interval.ms=500\n"
    "broker.session.timeout.ms=3000\n"
    "replica.lag.time.max.ms=5000\n";

}  // namespace

KafkaCluster::KafkaCluster(const std::string& version) : folder_("millrace-kafka-cluster-" + version) {
  std::array<int, kNodes> controller_ports{};
  std::string voters;
  for (int index = 0; index < kNodes; ++index) {
    int& port = controller_ports.at(static_cast<std::size_t>(index));
    port = free_port();
    if (index > 0) voters.append(",");
    voters.append(std::to_string(index)).append("@127.0.0.1:").append(std::to_string(port));
  }
  for (int index = 0; index < kNodes; ++index) {
    nodes_.at(static_cast<std::size_t>(index)) = std::make_unique<KafkaNode>(
        KafkaNode::Settings{.version = version,
                            .folder = folder_ / std::string("node-").append(std::to_string(index)),
                            .id = index,
                            .port = free_port(),
                            .controller_port = controller_ports.at(static_cast<std::size_t>(index)),
                            .voters = voters,
                            .replicas = kNodes,
                            .heap_mib = 256,
                            .more = kQuickToNotice});
  }
  for (const auto& node : nodes_) node->start();
  const ClusterClient client(brokers());
  const auto deadline = steady_clock::now() + kStartLimit;
  while (client.broker_count(seconds(1)) != kNodes) {
    for (const auto& node : nodes_) {
      if (node->running() && steady_clock::now() < deadline) continue;
      folder_.keep();
      throw std::runtime_error("a cluster of Kafka " + version + " did not start: " + node->last_words() +
                               "\nIts logs are in " + folder_.path().string());
    }
  }
}

KafkaCluster::~KafkaCluster() {
  for (auto& node : nodes_) node.reset();
  if (testing::UnitTest::GetInstance()->Failed()) {
    folder_.keep();
    std::cerr << "The logs of the cluster are in " << folder_.path().string() << std::endl;
  }
}

std::string KafkaCluster::brokers() const {
  std::string all;
  for (const auto& node : nodes_) {
    if (!all.empty()) all.append(",");
    all.append(node->address());
  }
  return all;
}

void KafkaCluster::create_topic(const std::string& name, int partitions) {
  ClusterClient(brokers()).create_topic(name, partitions, kNodes, {{"min.insync.replicas", "2"}});
}

bool KafkaCluster::is_whole(const std::string& topic, int partitions) const {
  return ClusterClient(brokers()).has_leaders(topic, partitions, kNodes);
}

int KafkaCluster::leader_of(const std::string& topic, int partition) const {
  return ClusterClient(brokers()).leader_of(topic, partition);
}

}  // namespace millrace::support
