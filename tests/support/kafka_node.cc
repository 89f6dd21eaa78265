#include "support/kafka_node.h"

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include "support/cluster_client.h"

namespace millrace::support {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kFormatLimit{60};
constexpr seconds kStartLimit{60};
constexpr seconds kStopLimit{60};

std::filesystem::path jars_of(const std::string& version) {
  std::filesystem::path libs = std::filesystem::path(MILLRACE_KAFKA_CACHE) / ("kafka-" + version) / "libs";
  if (!std::filesystem::exists(libs)) {
    throw std::runtime_error("Kafka " + version + " is not in " + libs.string() +
                             ": run tools/setup --for test");
  }
  return libs;
}

std::string at(int port) { return "://127.0.0.1:" + std::to_string(port); }

}  // namespace

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

KafkaNode::KafkaNode(const Settings& settings) : settings_(settings), libs_(jars_of(settings.version)) {
  const std::filesystem::path file = settings_.folder / "server.properties";
  std::filesystem::create_directories(settings_.folder);
  std::filesystem::remove_all(settings_.folder / "data");
  std::ofstream(file) << properties();
  std::vector<std::string> format = java("kafka.tools.StorageTool", "format.log");
  format.insert(format.end(), {"format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", file.string()});
  const ProcessResult formatted = run_process({.arguments = format}, kFormatLimit);
  if (formatted.exit_code != 0) {
    throw std::runtime_error("Kafka's storage could not be formatted: " + formatted.describe());
  }
}

std::string KafkaNode::properties() const {
  std::string listeners = "PLAINTEXT" + at(settings_.port);
  std::string advertised = listeners;
  if (settings_.proxied_port != 0) {
    listeners += ",PROXIED" + at(settings_.proxied_port);
    advertised += ",PROXIED" + at(settings_.proxy_port);
  }
  std::ostringstream text;
  text << "process.roles=broker,controller\n"
          "controller.listener.names=CONTROLLER\n"
          "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT\n"
          "inter.broker.listener.name=PLAINTEXT\n"
          "num.partitions=1\n"
          "auto.create.topics.enable=false\n"
          "offsets.topic.num.partitions=4\n"
          "transaction.state.log.min.isr=1\n"
          "transaction.state.log.num.partitions=4\n"
          "group.initial.rebalance.delay.ms=0\n"
          "group.min.session.timeout.ms=500\n"
          "transaction.abort.timed.out.transaction.cleanup.interval.ms=500\n"
          "num.network.threads=2\n"
          "num.io.threads=4\n"
          "log.segment.bytes=67108864\n"
          "log.cleaner.backoff.ms=200\n"
          "log.cleaner.dedupe.buffer.size=16777216\n";
  text << "node.id=" << settings_.id << "\ncontroller.quorum.voters=" << settings_.voters
       << "\nlisteners=" << listeners << ",CONTROLLER" << at(settings_.controller_port)
       << "\nadvertised.listeners=" << advertised << "\nlog.dirs=" << (settings_.folder / "data").string()
       << "\noffsets.topic.replication.factor=" << settings_.replicas
       << "\ntransaction.state.log.replication.factor=" << settings_.replicas << "\n"
       << settings_.more;
  return text.str();
}

std::vector<std::string> KafkaNode::java(const std::string& main_class, const std::string& log) const {
  // Small and quick to start rather than fast in the long run.
  return {"java",
          "-Xms64m",
          "-Xmx" + std::to_string(settings_.heap_mib) + "m",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "-Xshare:auto",
          std::string("-Dlog4j2.configurationFile=") + MILLRACE_KAFKA_LOGGING,
          "-Dmillrace.broker.log=" + (settings_.folder / log).string(),
          "-cp",
          (libs_ / "*").string(),
          main_class};
}

void KafkaNode::start() {
  std::vector<std::string> serve = java("kafka.Kafka", "server.log");
  serve.push_back((settings_.folder / "server.properties").string());
  process_ = std::make_unique<Process>(Command{.arguments = serve});
}

void KafkaNode::await_start() {
  const ClusterClient client(address());
  const auto deadline = std::chrono::steady_clock::now() + kStartLimit;
  while (client.broker_count(seconds(1)) != 1) {
    if (running() && std::chrono::steady_clock::now() <= deadline) continue;
    throw std::runtime_error("Kafka " + settings_.version + " did not start: " + last_words());
  }
}

std::string KafkaNode::last_words() { return process_->wait(milliseconds(0)).describe(); }

void KafkaNode::kill() {
  process_->send(SIGKILL);
  process_->wait(seconds(10));
}

void KafkaNode::stop() {
  process_->send(SIGTERM);
  process_->wait(kStopLimit);
}

}  // namespace millrace::support
