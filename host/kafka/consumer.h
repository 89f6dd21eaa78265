// One consumer instance of librdkafka, which reads its share of the partitions of a KafkaSource.
//
// Owned by the source; its one reading thread calls everything but what says otherwise. Each partition has a
// queue of its own and a number: its place in the share. Invariants: (1) the constructor asks nobody and
// waits for nobody; (2) nothing is fetched before `start`; (3) nothing but destruction follows `close`.
// Errors: KafkaError.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <librdkafka/rdkafka.h>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/position.h"

#include "kafka/client.h"
#include "kafka/event_fd.h"
#include "kafka/fetch_limits.h"
#include "kafka/fetch_nudge.h"

namespace millrace {

// How many instances suit a machine. One keeps a core busy and delivers some million records a second; to
// share partitions out pays where there are cores to spare beside those that decode and train.
[[nodiscard]] unsigned consumers_that_pay(unsigned cores, std::size_t partitions);

// How any reader of records fetches, also a member of a group.
[[nodiscard]] KafkaProperties fetch_defaults(const FetchLimits& limits);

// What every handle of a source has in common, whether it fetches or only asks; the second is common to all
// readers. An empty group stands for none.
[[nodiscard]] KafkaProperties consumer_defaults(const FetchLimits& limits);
[[nodiscard]] KafkaProperties consumer_properties(const std::string& group, const FetchLimits& limits);

class Consumer {
 public:
  Consumer(const ClientSettings& settings, const std::string& group, const FetchLimits& limits);

  // Once, with the first partitions of the share. What arrives signals `events`, which outlives the consumer.
  void start(std::span<const PartitionStart> share, const EventFd& events);
  // One more partition, of the next number.
  void add(const PartitionStart& added, const EventFd& events);
  // Reading of the partition goes on at the offset; what was fetched of it before is dropped.
  void move(const TopicPartition& partition, std::int64_t offset);

  // What has arrived of a partition, at most as much as `messages` holds; the caller destroys it.
  std::size_t take(std::size_t number, std::span<rd_kafka_message_t*> messages);
  // Of what was taken: so that librdkafka fetches on.
  void took(std::size_t number, std::size_t messages, std::size_t payload_bytes) {
    nudge_->took(number, messages, payload_bytes, queues_[number].get());
  }

  // What librdkafka tells besides records: throws what it cannot get over by itself.
  void serve();
  [[nodiscard]] ErrorMemory& errors() const { return client_.errors(); }

  // The newest end of the log that this instance heard of (the high watermark). Asks nobody. Any thread.
  [[nodiscard]] std::optional<std::int64_t> known_end(const TopicPartition& partition) const;

  // See Client::close. Any one thread, once nothing else uses it.
  bool close(std::chrono::milliseconds at_most, bool worth_trying);

 private:
  void open(const TopicPartition& partition, const EventFd& events);

  const bool has_group_;
  Client client_;
  const FetchLimits limits_;
  // These hold queues of the client's handle and go before it.
  QueueOwner main_queue_;
  std::vector<QueueOwner> queues_;   // [share]
  std::optional<FetchNudge> nudge_;  // from start to close
};

}  // namespace millrace
