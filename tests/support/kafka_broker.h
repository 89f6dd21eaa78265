// A real Kafka broker for tests: one KRaft node of a given version, on free ports, in a folder of its own.
//
// The jars come from `tools/setup --for test`; without them the constructor throws and says so. Starting
// takes about three seconds, so a test program makes one broker for all its tests, and each test makes topics
// of its own. Invariants: (1) once constructed, the broker answers; (2) when the owner goes, the broker and
// its data are gone, except after a failed test: then the folder stays and its path is printed. One thread
// calls everything. Errors: std::runtime_error.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/kafka_node.h"
#include "support/temp_dir.h"

namespace millrace::support {

class KafkaBroker {
 public:
  // With the port of a proxy, the broker listens on a second port, `proxied_port`, for clients that come
  // through the proxy and are to come through it always.
  explicit KafkaBroker(std::string version, int proxy_port = 0);
  KafkaBroker(const KafkaBroker&) = delete;
  KafkaBroker& operator=(const KafkaBroker&) = delete;
  ~KafkaBroker();

  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] std::string brokers() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int proxied_port() const { return proxied_port_; }

  // Returns when every partition has a leader.
  void create_topic(const std::string& name, int partitions,
                    const std::map<std::string, std::string>& configs = {});

  // What waits for `group` in `topic`, all partitions together, as Kafka's ConsumerGroupCommand sees it; -1
  // where some partition has no committed offset.
  [[nodiscard]] std::int64_t group_lag(const std::string& group, const std::string& topic);

  // Kafka's own tools, such as org.apache.kafka.tools.TopicCommand; `--bootstrap-server` is added. Returns
  // what the tool printed on stdout; throws with everything it printed when it fails.
  std::string run_tool(const std::string& class_name, const std::vector<std::string>& arguments);

  // The command line of such a tool, without arguments.
  [[nodiscard]] std::vector<std::string> tool(const std::string& class_name) const;

  // As a machine that loses power. It starts again where it was, with what it had.
  void kill();
  void start();

  // As a process that hangs: it answers nothing, and its connections stay. Until it goes on.
  void pause();
  void go_on();

 private:
  void start_on_free_ports();

  const std::string version_;
  const int proxy_port_;
  TempDir folder_;
  int port_ = 0;
  int proxied_port_ = 0;
  std::unique_ptr<KafkaNode> node_;
};

// The broker of this test program: made on first use, gone after the last test. Its version is that of the
// environment variable TEST_KAFKA_VERSION, or the newest one.
KafkaBroker& shared_kafka_broker();

}  // namespace millrace::support
