#include "bench/bare_drain.h"

#include <algorithm>
#include <array>
#include <future>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "bench/rounds.h"
#include "kafka/client_errors.h"
#include "kafka/log_range.h"

namespace millrace {
namespace {

constexpr int kPatienceMs = 100;
constexpr std::size_t kChunk = 1024;
constexpr const char* kDraining = "draining the topic";

const KafkaProperties kDefaults = {{"fetch.wait.max.ms", "100"}};
const KafkaProperties kOwned = {
    {"group.id", "millrace-bench"},        {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"}, {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},      {"isolation.level", "read_committed"},
    {"queued.min.messages", "5000000"},    {"queued.max.messages.kbytes", "2097151"}};

// The partitions of a share that have not reached the end they had at the start.
class OpenPartitions {
 public:
  OpenPartitions(std::span<const TopicPartition> partitions, std::span<const LogRange> ranges) {
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const auto number = static_cast<std::size_t>(partitions[i].partition);
      if (ends_.size() <= number) ends_.resize(number + 1, kClosed);
      if (ranges[i].begin == ranges[i].end) continue;
      ends_[number] = ranges[i].end;
      ++open_;
    }
  }

  [[nodiscard]] bool any() const { return open_ > 0; }

  void reached(std::int32_t partition, std::int64_t next_offset) {
    std::int64_t& end = ends_[static_cast<std::size_t>(partition)];
    if (end < 0 || next_offset < end) return;
    end = kClosed;
    --open_;
  }

 private:
  static constexpr std::int64_t kClosed = -1;
  std::vector<std::int64_t> ends_;  // by partition number
  std::size_t open_ = 0;
};

// Counts the messages and releases them.
void take(std::span<rd_kafka_message_t* const> messages, OpenPartitions& open, Drained& drained) {
  for (rd_kafka_message_t* const message : messages) {
    const rd_kafka_resp_err_t code = message->err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++drained.messages;
      drained.bytes += message->key_len + message->len;
      open.reached(message->partition, message->offset + 1);
    } else if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      open.reached(message->partition, message->offset);
    }
    rd_kafka_message_destroy(message);
    if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF) kafka_check(code, kDraining);
  }
}

// One consumer instance and its share.
class Drain {
 public:
  Drain(const ClientSettings& settings, std::vector<TopicPartition> share)
      : client_(ClientRole::consumer, settings, kDefaults, kOwned), partitions_(std::move(share)) {
    kafka_check(rd_kafka_poll_set_consumer(client_.handle()), kDraining);
    ranges_ = log_ranges(client_, partitions_);  // connects it as well
  }

  [[nodiscard]] const Drained& drained() const { return drained_; }

  void run() {
    const PartitionListOwner list = make_partition_list(partitions_, 0);
    for (std::size_t i = 0; i < ranges_.size(); ++i) list->elems[i].offset = ranges_[i].begin;
    const QueueOwner queue(rd_kafka_queue_get_consumer(client_.handle()));
    OpenPartitions open(partitions_, ranges_);
    std::array<rd_kafka_message_t*, kChunk> chunk{};
    kafka_check(rd_kafka_assign(client_.handle(), list.get()), kDraining);
    while (open.any()) {
      // A call that may wait does so until its chunk is full: one message is waited for, the rest is taken as
      // it is.
      ssize_t got = rd_kafka_consume_batch_queue(queue.get(), 0, chunk.data(), chunk.size());
      if (got == 0) got = rd_kafka_consume_batch_queue(queue.get(), kPatienceMs, chunk.data(), 1);
      if (got < 0) kafka_check(rd_kafka_last_error(), kDraining, {}, partitions_.front().topic);
      take(std::span(chunk).first(static_cast<std::size_t>(got)), open, drained_);
    }
  }

 private:
  const Client client_;
  const std::vector<TopicPartition> partitions_;
  std::vector<LogRange> ranges_;
  Drained drained_;
};

}  // namespace

Drained drain_bare(const ClientSettings& settings, const std::string& topic, std::size_t instances) {
  const auto partitions = Client(ClientRole::consumer, settings, kDefaults, kOwned).require_topic(topic);
  std::vector<std::vector<TopicPartition>> shares(std::min(instances, static_cast<std::size_t>(partitions)));
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    shares[static_cast<std::size_t>(partition) % shares.size()].push_back({topic, partition});
  }
  std::vector<std::unique_ptr<Drain>> drains;
  for (std::vector<TopicPartition>& share : shares) {
    drains.push_back(std::make_unique<Drain>(settings, std::move(share)));
  }

  Drained sum;
  const Stopwatch watch;
  const ProcessorWatch processors;
  std::vector<std::future<void>> running;
  for (const auto& drain : drains) {
    running.push_back(std::async(std::launch::async, [&] { drain->run(); }));
  }
  for (std::future<void>& one : running) one.get();
  sum.seconds = watch.seconds();
  sum.processor_seconds = processors.seconds();
  for (const auto& drain : drains) {
    sum.messages += drain->drained().messages;
    sum.bytes += drain->drained().bytes;
  }
  return sum;
}

}  // namespace millrace
