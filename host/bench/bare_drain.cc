#include "bench/bare_drain.h"

#include <array>
#include <librdkafka/rdkafka.h>
#include <span>
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

// The partitions that have not reached the end they had at the start.
class OpenPartitions {
 public:
  explicit OpenPartitions(std::span<const LogRange> ranges) {
    for (const LogRange& range : ranges) {
      ends_.push_back(range.end);
      open_ += range.begin < range.end ? 1 : 0;
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
  std::vector<std::int64_t> ends_;  // [partitions]
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

}  // namespace

Drained drain_bare(const ClientSettings& settings, const std::string& topic) {
  const Client client(ClientRole::consumer, settings, kDefaults, kOwned);
  rd_kafka_t* const handle = client.handle();
  kafka_check(rd_kafka_poll_set_consumer(handle), kDraining);
  std::vector<TopicPartition> partitions;
  for (std::int32_t partition = 0; partition < client.require_topic(topic); ++partition) {
    partitions.push_back({topic, partition});
  }
  const std::vector<LogRange> ranges = log_ranges(client, partitions);
  const PartitionListOwner list = make_partition_list(partitions, 0);
  for (std::size_t i = 0; i < ranges.size(); ++i) list->elems[i].offset = ranges[i].begin;
  const QueueOwner queue(rd_kafka_queue_get_consumer(handle));

  Drained drained;
  OpenPartitions open(ranges);
  std::array<rd_kafka_message_t*, kChunk> chunk{};
  const Stopwatch watch;
  kafka_check(rd_kafka_assign(handle, list.get()), kDraining);
  while (open.any()) {
    // A call that may wait does so until its chunk is full: one message is waited for, the rest is taken as
    // it is.
    ssize_t got = rd_kafka_consume_batch_queue(queue.get(), 0, chunk.data(), chunk.size());
    if (got == 0) got = rd_kafka_consume_batch_queue(queue.get(), kPatienceMs, chunk.data(), 1);
    if (got < 0) kafka_check(rd_kafka_last_error(), kDraining, {}, topic);
    take(std::span(chunk).first(static_cast<std::size_t>(got)), open, drained);
  }
  drained.seconds = watch.seconds();
  return drained;
}

}  // namespace millrace
