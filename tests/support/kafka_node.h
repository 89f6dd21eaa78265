// One Kafka process of a test: KRaft, broker and controller at once, in a folder of its own. What KafkaBroker
// and KafkaCluster are made of.
//
// The jars come from `tools/setup --for test`; without them the constructor throws and says so. One thread
// calls everything. Errors: std::runtime_error.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace millrace::support {

// A port that nothing listens on; somebody else may take it before it is used.
[[nodiscard]] int free_port();

class KafkaNode {
 public:
  struct Settings {
    std::string version;
    std::filesystem::path folder;  // for its data and its logs; made where it is missing
    int id = 1;
    int port = 0;
    int controller_port = 0;
    std::string voters;  // the controllers: ID@HOST:PORT,...
    // Clients of `proxied_port` are told to come to `proxy_port`, where a proxy leads to the former. 0: none.
    int proxied_port = 0;
    int proxy_port = 0;
    int replicas = 1;       // of Kafka's own topics
    int heap_mib = 384;     // at most
    std::string more = {};  // further properties, a line each
  };

  explicit KafkaNode(const Settings& settings);

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(settings_.port); }

  // Starts the process; the second time on the data of the first. Returns before it answers.
  void start();
  // Returns when it answers, the only one of its cluster.
  void await_start();
  [[nodiscard]] bool running() { return process_ != nullptr && process_->running(); }
  // What it printed; it has ended, or is ended now.
  [[nodiscard]] std::string last_words();

  void send(int signal) { process_->send(signal); }
  // As a machine that loses power.
  void kill();
  // In good order: it hands over what it leads.
  void stop();

  // The command line of one of Kafka's programs, without its own arguments. `log`: a file in the folder.
  [[nodiscard]] std::vector<std::string> java(const std::string& main_class, const std::string& log) const;

 private:
  [[nodiscard]] std::string properties() const;

  const Settings settings_;
  const std::filesystem::path libs_;
  std::unique_ptr<Process> process_;
};

}  // namespace millrace::support
