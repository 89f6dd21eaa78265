#include "support/kafka_broker.h"

#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "support/cluster_client.h"

namespace millrace::support {
namespace {

using std::chrono::seconds;

constexpr const char* kNewest = "4.1.1";
constexpr seconds kToolLimit{60};

}  // namespace

KafkaBroker::KafkaBroker(std::string version, int proxy_port)
    : version_(std::move(version)), proxy_port_(proxy_port), folder_("millrace-kafka-" + version_) {
  constexpr int kAttempts = 3;  // between looking for a free port and taking it, somebody else may take it
  for (int attempt = 1;; ++attempt) {
    try {
      start_on_free_ports();
      return;
    } catch (const std::runtime_error& error) {
      if (attempt < kAttempts) continue;
      folder_.keep();
      throw std::runtime_error(std::string(error.what()) + "\nIts logs are in " + folder_.path().string());
    }
  }
}

KafkaBroker::~KafkaBroker() {
  node_.reset();
  if (testing::UnitTest::GetInstance()->Failed()) {
    folder_.keep();
    std::cerr << "The logs of Kafka " << version_ << " are in " << folder_.path().string() << std::endl;
  }
}

void KafkaBroker::start_on_free_ports() {
  node_.reset();
  port_ = free_port();
  proxied_port_ = proxy_port_ == 0 ? 0 : free_port();
  const int controller_port = free_port();
  node_ = std::make_unique<KafkaNode>(
      KafkaNode::Settings{.version = version_,
                          .folder = folder_.path(),
                          .port = port_,
                          .controller_port = controller_port,
                          .voters = "1@127.0.0.1:" + std::to_string(controller_port),
                          .proxied_port = proxied_port_,
                          .proxy_port = proxy_port_});
  start();
}

void KafkaBroker::start() {
  node_->start();
  node_->await_start();
}

void KafkaBroker::create_topic(const std::string& name, int partitions,
                               const std::map<std::string, std::string>& configs) {
  ClusterClient(brokers()).create_topic(name, partitions, 1, configs);
}

std::int64_t KafkaBroker::group_lag(const std::string& group, const std::string& topic) {
  const std::string table = run_tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                                     {"--describe", "--group", group});
  // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG ...
  std::istringstream lines(table);
  std::int64_t lag = 0;
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string of_group;
    std::string of_topic;
    std::string partition;
    std::string committed;
    std::string end;
    std::string waiting;
    fields >> of_group >> of_topic >> partition >> committed >> end >> waiting;
    if (of_group != group || of_topic != topic) continue;
    found = true;
    if (waiting == "-") return -1;
    lag += std::stoll(waiting);
  }
  if (!found) throw std::runtime_error("group " + group + " knows nothing of topic " + topic + ":\n" + table);
  return lag;
}

std::vector<std::string> KafkaBroker::tool(const std::string& class_name) const {
  return node_->java(class_name, "tools.log");
}

std::string KafkaBroker::run_tool(const std::string& class_name, const std::vector<std::string>& arguments) {
  std::vector<std::string> line = tool(class_name);
  line.insert(line.end(), {"--bootstrap-server", brokers()});
  line.insert(line.end(), arguments.begin(), arguments.end());
  const ProcessResult result = run_process({.arguments = line}, kToolLimit);
  if (result.exit_code != 0) throw std::runtime_error(class_name + ": " + result.describe());
  return result.out;
}

void KafkaBroker::kill() { node_->kill(); }

void KafkaBroker::pause() { node_->send(SIGSTOP); }

void KafkaBroker::go_on() { node_->send(SIGCONT); }

namespace {

std::unique_ptr<KafkaBroker> shared_broker;

class SharedBrokerEnd : public testing::Environment {
 public:
  void TearDown() override { shared_broker.reset(); }
};
const testing::Environment* const kSharedBrokerEnd = testing::AddGlobalTestEnvironment(new SharedBrokerEnd);

}  // namespace

KafkaBroker& shared_kafka_broker() {
  if (!shared_broker) {
    const char* version = std::getenv("TEST_KAFKA_VERSION");
    shared_broker = std::make_unique<KafkaBroker>(version == nullptr ? kNewest : version);
  }
  return *shared_broker;
}

}  // namespace millrace::support
