#include "kafka/consumer.h"

#include <algorithm>
#include <memory>
#include <spdlog/spdlog.h>

#include "kafka/log_range.h"
#include "kafka/message_view.h"

namespace millrace {
namespace {

constexpr std::string_view kStarting = "starting to read";

// A handle needs the name of some group to be assigned partitions by hand.
constexpr const char* kNoGroup = "millrace-without-group";

// Cores for one instance and what follows it: its own thread, a decoder, and half of what trains.
constexpr unsigned kCoresPerConsumer = 4;
// The one thread that takes what they deliver is the limit then.
constexpr unsigned kMostConsumers = 4;

// For the first answers of the leaders. Reading begins without them, later.
constexpr std::chrono::milliseconds kFirstAnswer{1000};

void signal_on_arrival(rd_kafka_queue_t* queue, const EventFd& events) {
  rd_kafka_queue_io_event_enable(queue, events.descriptor(), &EventFd::kSignal, sizeof EventFd::kSignal);
}

void no_more_signals(rd_kafka_queue_t* queue) { rd_kafka_queue_io_event_enable(queue, -1, nullptr, 0); }

}  // namespace

unsigned consumers_that_pay(unsigned cores, std::size_t partitions) {
  const auto most = static_cast<unsigned>(std::min<std::size_t>(partitions, kMostConsumers));
  return std::clamp(cores / kCoresPerConsumer, 1U, std::max(1U, most));
}

KafkaProperties fetch_defaults(const FetchLimits& limits) {
  return {{"check.crcs", "true"},
          {"fetch.wait.max.ms", "100"},
          {"fetch.min.bytes", "1"},
          {"max.partition.fetch.bytes", std::to_string(limits.fetch_bytes)},
          {"reconnect.backoff.max.ms", "2000"}};
}

KafkaProperties consumer_defaults(const FetchLimits& limits) {
  KafkaProperties defaults = fetch_defaults(limits);
  // Back within seconds after a broker, or the way to it, is there again. A connection that fell silent is
  // given up before TCP, which doubles its pauses, would leave it alone for a minute.
  defaults.emplace_back("socket.timeout.ms", "15000");
  defaults.emplace_back("socket.connection.setup.timeout.ms", "10000");
  return defaults;
}

KafkaProperties consumer_properties(const std::string& group, const FetchLimits& limits) {
  return {{"group.id", group.empty() ? kNoGroup : group},
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"auto.offset.reset", "error"},
          {"enable.partition.eof", "true"},
          {"isolation.level", "read_committed"},
          {"queued.min.messages", std::to_string(limits.messages)},
          {"queued.max.messages.kbytes", std::to_string(limits.kilobytes)}};
}

Consumer::Consumer(const ClientSettings& settings, const std::string& group, const FetchLimits& limits)
    : has_group_(!group.empty()),
      client_(ClientRole::consumer, settings, consumer_defaults(limits), consumer_properties(group, limits)),
      limits_(limits) {}

void Consumer::start(std::span<const PartitionStart> share, const EventFd& events) {
  rd_kafka_t* const handle = client_.handle();
  client_.announce_errors();
  kafka_check(rd_kafka_poll_set_consumer(handle), kStarting);
  main_queue_.reset(rd_kafka_queue_get_consumer(handle));
  signal_on_arrival(main_queue_.get(), events);

  std::vector<TopicPartition> partitions;
  for (const PartitionStart& start : share) partitions.push_back(start.partition);
  // Where no leader is known and connected when a partition is assigned, librdkafka looks again after a
  // second.
  const PartitionListOwner question = make_partition_list(partitions, RD_KAFKA_OFFSET_END);
  static_cast<void>(
      rd_kafka_offsets_for_times(handle, question.get(), static_cast<int>(kFirstAnswer.count())));
  const PartitionListOwner list = make_partition_list(partitions, 0);
  for (std::size_t number = 0; number < share.size(); ++number) {
    list->elems[number].offset = share[number].start.offset;
    open(partitions[number], events);
  }
  nudge_.emplace(handle, partitions, limits_);
  kafka_check(rd_kafka_assign(handle, list.get()), kStarting);
}

void Consumer::add(const PartitionStart& added, const EventFd& events) {
  open(added.partition, events);
  nudge_->add(added.partition);
  const PartitionListOwner list = make_partition_list({&added.partition, 1}, added.start.offset);
  kafka_check(KafkaErrorOwner(rd_kafka_incremental_assign(client_.handle(), list.get())),
              "reading a new partition", added.partition.topic, added.partition.partition);
}

void Consumer::open(const TopicPartition& partition, const EventFd& events) {
  QueueOwner queue(
      rd_kafka_queue_get_partition(client_.handle(), partition.topic.c_str(), partition.partition));
  if (!queue) {
    kafka_check(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, kStarting, {}, partition.topic, partition.partition);
  }
  rd_kafka_queue_forward(queue.get(), nullptr);  // before assign, which would forward it to the main queue
  signal_on_arrival(queue.get(), events);
  queues_.push_back(std::move(queue));
}

void Consumer::move(const TopicPartition& partition, std::int64_t offset) {
  constexpr std::string_view kLeaving = "leaving a lost position";
  // A partition that was told to be out of range is not fetched any more, and cannot be sought in; one that
  // is assigned anew is, and librdkafka drops what it had queued of it.
  const PartitionListOwner list = make_partition_list({&partition, 1}, offset);
  const auto check = [&](rd_kafka_error_t* error) {
    kafka_check(KafkaErrorOwner(error), kLeaving, partition.topic, partition.partition);
  };
  check(rd_kafka_incremental_unassign(client_.handle(), list.get()));
  check(rd_kafka_incremental_assign(client_.handle(), list.get()));
}

std::size_t Consumer::take(std::size_t number, std::span<rd_kafka_message_t*> messages) {
  const ssize_t got =
      rd_kafka_consume_batch_queue(queues_[number].get(), 0, messages.data(), messages.size());
  if (got < 0) kafka_check(rd_kafka_last_error(), "reading");
  return static_cast<std::size_t>(got);
}

void Consumer::serve() {
  if (rd_kafka_queue_length(main_queue_.get()) == 0) return;
  while (rd_kafka_message_t* message = rd_kafka_consumer_poll(client_.handle(), 0)) {
    const MessageOwner owner(message);
    const std::string topic = message->rkt != nullptr ? rd_kafka_topic_name(message->rkt) : std::string{};
    if (tells_of_vanishing(message->err)) {
      errors().note(message->err, rd_kafka_message_errstr(message));
      continue;
    }
    // The client looks for the coordinator of any group it was given, also where nothing is to be committed.
    if (!has_group_ && message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) continue;
    if (!consumer_recovers_from(message->err)) {
      kafka_check(message->err, "reading", rd_kafka_message_errstr(message), topic, message->partition);
    }
    spdlog::warn("kafka: {}; trying again", rd_kafka_message_errstr(message));
  }
}

std::optional<std::int64_t> Consumer::known_end(const TopicPartition& partition) const {
  std::int64_t low = 0;
  std::int64_t high = 0;
  const rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(client_.handle(), partition.topic.c_str(),
                                                                  partition.partition, &low, &high);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? std::optional(high) : std::nullopt;
}

bool Consumer::close(std::chrono::milliseconds at_most, bool worth_trying) {
  nudge_.reset();
  for (const QueueOwner& queue : queues_) no_more_signals(queue.get());
  if (main_queue_) no_more_signals(main_queue_.get());
  queues_.clear();
  main_queue_.reset();
  return client_.close(at_most, worth_trying);
}

}  // namespace millrace
