#include "support/kafka_broker.h"

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <sstream>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace millrace::support {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kNewest = "4.1.1";
constexpr seconds kStartLimit{60};
constexpr seconds kToolLimit{60};
constexpr std::size_t kErrorTextBytes = 512;

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool good = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!good) throw std::system_error(error, std::generic_category(), "looking for a free port");
  return ntohs(address.sin_port);
}

std::filesystem::path jars_of(const std::string& version) {
  std::filesystem::path libs = std::filesystem::path(MILLRACE_KAFKA_CACHE) / ("kafka-" + version) / "libs";
  if (!std::filesystem::exists(libs)) {
    throw std::runtime_error("Kafka " + version + " is not in " + libs.string() +
                             ": run tools/setup --for test");
  }
  return libs;
}

std::string server_properties(int port, int controller_port, const std::filesystem::path& data) {
  std::ostringstream text;
  text << "process.roles=broker,controller\n"
          "node.id=1\n"
          "controller.listener.names=CONTROLLER\n"
          "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
          "controller.quorum.voters=1@127.0.0.1:"
       << controller_port
       << "\n"
          "listeners=PLAINTEXT://127.0.0.1:"
       << port << ",CONTROLLER://127.0.0.1:" << controller_port
       << "\n"
          "advertised.listeners=PLAINTEXT://127.0.0.1:"
       << port << "\nlog.dirs=" << data.string()
       << "\n"
          "num.partitions=1\n"
          "auto.create.topics.enable=false\n"
          "offsets.topic.replication.factor=1\n"
          "offsets.topic.num.partitions=4\n"
          "transaction.state.log.replication.factor=1\n"
          "transaction.state.log.min.isr=1\n"
          "transaction.state.log.num.partitions=4\n"
          "group.initial.rebalance.delay.ms=0\n"
          "num.network.threads=2\n"
          "num.io.threads=4\n"
          "log.segment.bytes=67108864\n"
          "log.cleaner.backoff.ms=200\n"
          "log.cleaner.dedupe.buffer.size=16777216\n";
  return text.str();
}

// A client for metadata and administration.
class AdminClient {
 public:
  explicit AdminClient(const std::string& brokers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    std::array<char, kErrorTextBytes> text{};
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), text.data(), text.size());
    // A broker that is starting refuses connections: nothing to report.
    rd_kafka_conf_set_log_cb(conf, nullptr);
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
    if (handle_ == nullptr) throw std::runtime_error(text.data());
  }
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;
  ~AdminClient() { rd_kafka_destroy(handle_); }

  // How many brokers the cluster has; 0 when nothing answers in time.
  [[nodiscard]] int broker_count(milliseconds at_most) const {
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(handle_, 0, nullptr, &metadata, static_cast<int>(at_most.count())) != 0) return 0;
    const int count = metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    return count;
  }

  [[nodiscard]] bool has_leaders(const std::string& topic, int partitions) const {
    rd_kafka_topic_t* which = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
    const rd_kafka_metadata_t* metadata = nullptr;
    const rd_kafka_resp_err_t error = rd_kafka_metadata(handle_, 0, which, &metadata, 5000);
    rd_kafka_topic_destroy(which);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    int with_leader = 0;
    for (int index = 0; metadata->topic_cnt == 1 && index < metadata->topics[0].partition_cnt; ++index) {
      if (metadata->topics[0].partitions[index].leader >= 0) ++with_leader;
    }
    rd_kafka_metadata_destroy(metadata);
    return with_leader == partitions;
  }

  void create_topic(const std::string& name, int partitions,
                    const std::map<std::string, std::string>& configs) {
    std::array<char, kErrorTextBytes> text{};
    rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name.c_str(), partitions, 1, text.data(), text.size());
    if (topic == nullptr) throw std::runtime_error(text.data());
    for (const auto& [key, value] : configs) rd_kafka_NewTopic_set_config(topic, key.c_str(), value.c_str());
    rd_kafka_queue_t* queue = rd_kafka_queue_new(handle_);
    rd_kafka_CreateTopics(handle_, &topic, 1, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
    std::string failure;
    if (event == nullptr) {
      failure = "no answer";
    } else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      failure = rd_kafka_event_error_string(event);
    } else {
      std::size_t count = 0;
      const rd_kafka_topic_result_t** results =
          rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
      if (count != 1) {
        failure = "no result";
      } else if (rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        failure = rd_kafka_topic_result_error_string(results[0]);
      }
    }
    if (event != nullptr) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    if (!failure.empty()) throw std::runtime_error("creating topic " + name + ": " + failure);
  }

 private:
  rd_kafka_t* handle_ = nullptr;
};

}  // namespace

KafkaBroker::KafkaBroker(std::string version)
    : version_(std::move(version)), libs_(jars_of(version_)), folder_("millrace-kafka-" + version_) {
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
  process_.reset();
  if (testing::UnitTest::GetInstance()->Failed()) {
    folder_.keep();
    std::cerr << "The logs of Kafka " << version_ << " are in " << folder_.path().string() << std::endl;
  }
}

std::vector<std::string> KafkaBroker::java(const std::string& main_class,
                                           const std::vector<std::string>& options) const {
  // Small and quick to start rather than fast in the long run.
  std::vector<std::string> line = {"java",
                                   "-Xms64m",
                                   "-Xmx384m",
                                   "-XX:+UseSerialGC",
                                   "-XX:TieredStopAtLevel=1",
                                   "-Xshare:auto",
                                   std::string("-Dlog4j2.configurationFile=") + MILLRACE_KAFKA_LOGGING};
  line.insert(line.end(), options.begin(), options.end());
  line.insert(line.end(), {"-cp", (libs_ / "*").string(), main_class});
  return line;
}

void KafkaBroker::start_on_free_ports() {
  port_ = free_port();
  const std::filesystem::path data = folder_ / "data";
  const std::filesystem::path properties = folder_ / "server.properties";
  std::filesystem::remove_all(data);
  std::ofstream(properties) << server_properties(port_, free_port(), data);

  std::vector<std::string> format =
      java("kafka.tools.StorageTool", {"-Dmillrace.broker.log=" + (folder_ / "format.log").string()});
  format.insert(format.end(), {"format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", properties.string()});
  const ProcessResult formatted = run_process({.arguments = format}, kStartLimit);
  if (formatted.exit_code != 0) {
    throw std::runtime_error("Kafka's storage could not be formatted: " + formatted.describe());
  }

  std::vector<std::string> serve =
      java("kafka.Kafka", {"-Dmillrace.broker.log=" + (folder_ / "server.log").string()});
  serve.push_back(properties.string());
  process_ = std::make_unique<Process>(Command{.arguments = serve});
  const auto deadline = steady_clock::now() + kStartLimit;
  while (!answers()) {
    if (!process_->running() || steady_clock::now() > deadline) {
      throw std::runtime_error("Kafka " + version_ +
                               " did not start: " + process_->wait(milliseconds(0)).describe());
    }
  }
}

bool KafkaBroker::answers() const { return AdminClient(brokers()).broker_count(seconds(1)) == 1; }

void KafkaBroker::create_topic(const std::string& name, int partitions,
                               const std::map<std::string, std::string>& configs) {
  AdminClient client(brokers());
  client.create_topic(name, partitions, configs);
  const auto deadline = steady_clock::now() + seconds(30);
  while (!client.has_leaders(name, partitions)) {
    if (steady_clock::now() > deadline) throw std::runtime_error("topic " + name + " has no leaders");
    std::this_thread::sleep_for(milliseconds(5));
  }
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

std::string KafkaBroker::run_tool(const std::string& class_name, const std::vector<std::string>& arguments) {
  std::vector<std::string> line =
      java(class_name, {"-Dmillrace.broker.log=" + (folder_ / "tools.log").string()});
  line.insert(line.end(), {"--bootstrap-server", brokers()});
  line.insert(line.end(), arguments.begin(), arguments.end());
  const ProcessResult result = run_process({.arguments = line}, kToolLimit);
  if (result.exit_code != 0) throw std::runtime_error(class_name + ": " + result.describe());
  return result.out;
}

void KafkaBroker::kill() {
  process_->send(SIGKILL);
  process_->wait(seconds(10));
}

void KafkaBroker::pause() { process_->send(SIGSTOP); }

void KafkaBroker::go_on() { process_->send(SIGCONT); }

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
