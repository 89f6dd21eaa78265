// Sends records to one topic.
#pragma once

#include <atomic>
#include <cstdint>
#include <librdkafka/rdkafka.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/client.h"

namespace millrace {

// Idempotent: each record stands in its partition once and in the order sent, whatever the network did.
// The topic must exist. `partitioner` is librdkafka's name of it: murmur2_random places keys as Java clients
// do. A null key or value is nullopt; an empty one is empty.
//
// One thread sends and flushes; any thread may read `delivered`.
// Errors: KafkaError, from `send` or `flush`, for this record or an earlier one. What was not flushed may be
// lost.
class TopicProducer {
 public:
  TopicProducer(const ClientSettings& settings, const std::string& topic, const std::string& partitioner);
  TopicProducer(const TopicProducer&) = delete;
  TopicProducer& operator=(const TopicProducer&) = delete;
  ~TopicProducer();

  // Copies the record; blocks while the queue of unsent ones is full.
  void send(std::optional<std::string_view> key, std::optional<std::string_view> value);
  void send_to(std::int32_t partition, std::optional<std::string_view> key,
               std::optional<std::string_view> value);

  // Returns when every record was acknowledged.
  void flush();

  [[nodiscard]] std::int32_t partitions() const { return partitions_; }
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  // For the sending thread.
  [[nodiscard]] std::vector<std::uint64_t> delivered_by_partition() const { return by_partition_; }

 private:
  struct Failure {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string detail;
    std::int32_t partition = -1;
  };
  // On the sending thread, inside poll and flush.
  static void on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque);
  void throw_if_failed() const;
  [[nodiscard]] std::string too_large(std::size_t bytes) const;

  const std::string topic_;
  std::atomic<std::uint64_t> delivered_ = 0;
  std::optional<Failure> failure_;           // the first; owned by the sending thread
  std::vector<std::uint64_t> by_partition_;  // owned by the sending thread
  Client client_;
  std::int32_t partitions_;
  TopicOwner handle_;  // before the client goes
};

}  // namespace millrace
