// A connection to a Kafka cluster: the owner of one librdkafka handle, and the owners of what librdkafka
// hands out. Source, producer and admin functions stand on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka/client_errors.h"
#include "kafka/client_properties.h"

namespace millrace {

struct ClientSettings {
  std::string brokers;
  std::vector<std::pair<std::string, std::string>> properties;  // the user's: -X and the file's [kafka]
  std::chrono::milliseconds timeout{30000};                     // of any one question to the cluster
};

struct QueueDestroyer {
  void operator()(rd_kafka_queue_t* queue) const noexcept { rd_kafka_queue_destroy(queue); }
};
using QueueOwner = std::unique_ptr<rd_kafka_queue_t, QueueDestroyer>;

struct PartitionListDestroyer {
  void operator()(rd_kafka_topic_partition_list_t* list) const noexcept {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionListOwner = std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionListDestroyer>;

struct TopicDestroyer {
  void operator()(rd_kafka_topic_t* topic) const noexcept { rd_kafka_topic_destroy(topic); }
};
using TopicOwner = std::unique_ptr<rd_kafka_topic_t, TopicDestroyer>;

enum class ClientRole { consumer, producer };

using DeliveryCallback = void (*)(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque);
// On the thread that polls; must not throw.
using RebalanceListener =
    std::function<void(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions)>;

// Invariants: (1) all that came out of the handle (queues, topics, messages) is destroyed before it; (2)
// errors that librdkafka tells in the background are remembered, and logged as warnings from
// `announce_errors` on; (3) a destructor never waits for a dead broker for longer than kDestroyPatience. The
// handle itself is for any thread; `close` is not.
class Client {
 public:
  // How long a destructor waits before it gives the handle up.
  static constexpr std::chrono::milliseconds kDestroyPatience{5000};

  // The user's properties win over `defaults`; `owned` ones win over the user's.
  Client(ClientRole role, const ClientSettings& settings, const KafkaProperties& defaults,
         const KafkaProperties& owned, DeliveryCallback on_delivery = nullptr,
         RebalanceListener on_rebalance = {});
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  [[nodiscard]] rd_kafka_t* handle() const { return handle_; }
  [[nodiscard]] ErrorMemory& errors() const;
  [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }

  void announce_errors();

  // How many partitions a topic has; nothing where the cluster has no such topic. Never makes one.
  // Blocks for at most the timeout, or `at_most`; security that is refused ends it at once.
  [[nodiscard]] std::optional<std::int32_t> partition_count(const std::string& topic) const {
    return partition_count(topic, timeout_);
  }

  [[nodiscard]] std::optional<std::int32_t> partition_count(const std::string& topic,
                                                            std::chrono::milliseconds at_most) const;

  // The same for one who asks again later: nothing where no answer came within `at_most`, either.
  [[nodiscard]] std::optional<std::int32_t> partition_count_within(const std::string& topic,
                                                                   std::chrono::milliseconds at_most) const;

  // The same as partition_count, where the topic must exist.
  [[nodiscard]] std::int32_t require_topic(const std::string& topic) const {
    return require_topic(topic, timeout_);
  }
  [[nodiscard]] std::int32_t require_topic(const std::string& topic, std::chrono::milliseconds at_most) const;

  // The error to throw for an operation that failed for want of an answer: what librdkafka told in the
  // background says more than the code.
  [[nodiscard]] KafkaError no_answer(rd_kafka_resp_err_t code, std::string_view operation) const;

  // Destroys the handle. False: it did not finish in time and was left alone, on purpose, threads and memory
  // included (a dead broker can hold it for minutes); it stays silent from then on, and the process should
  // leave through _exit. `worth_trying` false leaves it alone at once.
  bool close(std::chrono::milliseconds at_most, bool worth_trying = true);

 private:
  struct Background;  // what librdkafka's threads use: outlives the handle, even one that was left alone

  const std::string brokers_;
  const std::chrono::milliseconds timeout_;
  std::shared_ptr<Background> background_;
  rd_kafka_t* handle_ = nullptr;
};

}  // namespace millrace
