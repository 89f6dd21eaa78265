#include "kafka/kafka_source.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <stdexcept>

#include "millrace/errors.h"

#include "kafka/start_positions.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kClosePatience{5000};
constexpr std::chrono::milliseconds kRangePatience{2000};

// The handle needs the name of some group to be assigned partitions by hand.
constexpr const char* kNoGroup = "millrace-without-group";

KafkaProperties default_properties(const FetchLimits& limits) {
  return {{"check.crcs", "true"},
          {"fetch.wait.max.ms", "100"},
          {"fetch.min.bytes", "1"},
          {"max.partition.fetch.bytes", std::to_string(limits.fetch_bytes)},
          // Back within seconds after a broker, or the way to it, is there again. A connection that fell
          // silent is given up before TCP, which doubles its pauses, would leave it alone for a minute.
          {"socket.timeout.ms", "15000"},
          {"socket.connection.setup.timeout.ms", "10000"},
          {"reconnect.backoff.max.ms", "2000"}};
}

KafkaProperties owned_properties(const SourceSettings& settings, const FetchLimits& limits) {
  return {{"group.id", settings.group.empty() ? kNoGroup : settings.group},
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"auto.offset.reset", "error"},
          {"enable.partition.eof", "true"},
          {"isolation.level", "read_committed"},
          {"queued.min.messages", std::to_string(limits.messages)},
          {"queued.max.messages.kbytes", std::to_string(limits.kilobytes)}};
}

std::vector<std::string> sorted_topics(const SourceSettings& settings) {
  std::vector<std::string> topics = settings.topics;
  std::sort(topics.begin(), topics.end());
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  return topics;
}

std::vector<TopicPartition> all_partitions(const Client& client, const std::vector<std::string>& topics) {
  std::vector<TopicPartition> partitions;
  for (const std::string& topic : topics) {
    const std::int32_t count = client.require_topic(topic);
    for (std::int32_t partition = 0; partition < count; ++partition) partitions.push_back({topic, partition});
  }
  return partitions;
}

// librdkafka tries again by itself.
bool passes_by_itself(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_UNKNOWN:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
      return true;
    default:
      return false;
  }
}

void release_message(void* message) { rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(message)); }

std::string_view bytes_of(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

RecordView view_of(const rd_kafka_message_t& message, const std::optional<std::string>& label_header) {
  RecordView record;
  record.offset = message.offset;
  record.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
  record.has_key = message.key != nullptr;
  if (record.has_key) record.key = bytes_of(message.key, message.key_len);
  record.has_value = message.payload != nullptr;
  if (record.has_value) record.value = bytes_of(message.payload, message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (label_header && rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const void* value = nullptr;
    std::size_t size = 0;
    // A header's null value is no value.
    record.has_header = rd_kafka_header_get_last(headers, label_header->c_str(), &value, &size) ==
                            RD_KAFKA_RESP_ERR_NO_ERROR &&
                        value != nullptr;
    if (record.has_header) record.header = bytes_of(value, size);
  }
  return record;
}

}  // namespace

KafkaSource::KafkaSource(const SourceSettings& settings)
    : label_header_(settings.label_header), commits_(!settings.group.empty()), answers_(settings.answers) {
  const std::vector<std::string> topics = sorted_topics(settings);
  // The limits depend on the number of partitions, and a handle's limits cannot change: a first handle
  // counts.
  {
    const Client scout(ClientRole::consumer, settings.client, {}, {});
    partitions_ = all_partitions(scout, topics);
  }
  limits_ = fetch_limits(settings.memory_bytes, partitions_.size());
  client_ = std::make_unique<Client>(ClientRole::consumer, settings.client, default_properties(limits_),
                                     owned_properties(settings, limits_));
  const std::vector<LogRange> ranges = log_ranges(*client_, partitions_);
  starts_ = start_positions(*client_, partitions_, ranges, settings.start, settings.known, settings.rewind);
  for (const LogRange& range : ranges) ends_at_start_.push_back(range.end);
  committer_.emplace(client_->handle());
}

KafkaSource::~KafkaSource() {
  if (!close(kClosePatience)) spdlog::warn("kafka: left the connection alone: it did not close");
}

void KafkaSource::start() {
  rd_kafka_t* const handle = client_->handle();
  client_->announce_errors();
  kafka_check(rd_kafka_poll_set_consumer(handle), "starting to read");
  const auto signal_on = [this](rd_kafka_queue_t* queue) {
    rd_kafka_queue_io_event_enable(queue, events_.descriptor(), &EventFd::kSignal, sizeof EventFd::kSignal);
  };
  main_queue_.reset(rd_kafka_queue_get_consumer(handle));
  signal_on(main_queue_.get());

  const PartitionListOwner list = make_partition_list(partitions_, 0);
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    list->elems[index].offset = starts_[index].offset;
    QueueOwner queue(
        rd_kafka_queue_get_partition(handle, partitions_[index].topic.c_str(), partitions_[index].partition));
    if (!queue)
      kafka_check(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, "starting to read", {}, partitions_[index].topic,
                  partitions_[index].partition);
    rd_kafka_queue_forward(queue.get(), nullptr);  // before assign, which would forward it to the main queue
    signal_on(queue.get());
    states_.push_back({std::move(queue), starts_[index].offset, false});
  }
  nudge_.emplace(handle, partitions_, limits_);
  kafka_check(rd_kafka_assign(handle, list.get()), "starting to read");
  if (!answers_) return;
  answers_->heard(Clock::now(), ends_at_start_);
  pulse_.emplace(handle, partitions_, answers_);
}

PullOutcome KafkaSource::pull(std::size_t index, std::size_t max_records, RecordBatch& batch) {
  if (rd_kafka_queue_length(main_queue_.get()) != 0) serve_main_queue();
  Partition& partition = states_[index];
  const std::size_t before = batch.size();
  const std::size_t wanted = before + max_records;
  // Ends of the log count as messages in a chunk: only a chunk that comes back short tells an empty queue.
  while (batch.size() < wanted) {
    const std::size_t asked = std::min(kPullChunk, wanted - batch.size());
    const ssize_t got = rd_kafka_consume_batch_queue(partition.queue.get(), 0, chunk_.data(), asked);
    if (got < 0)
      kafka_check(rd_kafka_last_error(), "reading", {}, partitions_[index].topic,
                  partitions_[index].partition);
    take_chunk(index, std::span(chunk_).first(static_cast<std::size_t>(got)), batch);
    if (static_cast<std::size_t>(got) < asked) break;
  }
  check_vanished();
  return {batch.size() - before, partition.at_end, partition.next_offset};
}

void KafkaSource::take_chunk(std::size_t index, std::span<rd_kafka_message_t* const> messages,
                             RecordBatch& batch) {
  std::size_t done = 0;
  std::size_t payload_bytes = 0;
  try {
    for (; done < messages.size(); ++done) {
      payload_bytes += messages[done]->len;
      take(index, messages[done], batch);
    }
  } catch (...) {
    for (++done; done < messages.size(); ++done) rd_kafka_message_destroy(messages[done]);
    throw;
  }
  nudge_->took(index, messages.size(), payload_bytes);
}

void KafkaSource::take(std::size_t index, rd_kafka_message_t* message, RecordBatch& batch) {
  Partition& partition = states_[index];
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    batch.append(view_of(*message, label_header_), message, &release_message);
    partition.next_offset = message->offset + 1;
    partition.at_end = false;
    return;
  }
  const std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)> owner(message,
                                                                                 &rd_kafka_message_destroy);
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    partition.next_offset = std::max(partition.next_offset, message->offset);
    partition.at_end = true;
    return;
  }
  take_error(*message, index);
}

void KafkaSource::take_error(const rd_kafka_message_t& message, std::size_t index) {
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
      message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    throw_data_loss(index);
  }
  const TopicPartition& partition = partitions_[index];
  if (!passes_by_itself(message.err)) {
    kafka_check(message.err, "reading", rd_kafka_message_errstr(&message), partition.topic,
                partition.partition);
  }
  spdlog::warn("kafka: {}/{}: {}; trying again", partition.topic, partition.partition,
               rd_kafka_message_errstr(&message));
}

void KafkaSource::throw_data_loss(std::size_t index) const {
  const TopicPartition& partition = partitions_[index];
  LogRange range{-1, -1};
  if (rd_kafka_query_watermark_offsets(client_->handle(), partition.topic.c_str(), partition.partition,
                                       &range.begin, &range.end, static_cast<int>(kRangePatience.count())) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    static_cast<void>(rd_kafka_get_watermark_offsets(client_->handle(), partition.topic.c_str(),
                                                     partition.partition, &range.begin, &range.end));
  }
  throw DataLossError(partition, states_[index].next_offset, range.begin, range.end);
}

void KafkaSource::serve_main_queue() {
  while (rd_kafka_message_t* message = rd_kafka_consumer_poll(client_->handle(), 0)) {
    const std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)> owner(message,
                                                                                   &rd_kafka_message_destroy);
    const std::string topic = message->rkt != nullptr ? rd_kafka_topic_name(message->rkt) : std::string{};
    if (!passes_by_itself(message->err)) {
      kafka_check(message->err, "reading", rd_kafka_message_errstr(message), topic, message->partition);
    }
    spdlog::warn("kafka: {}; trying again", rd_kafka_message_errstr(message));
  }
}

void KafkaSource::check_vanished() {
  const std::optional<ErrorMemory::Told> told = client_->errors().take_vanished();
  if (!told) return;
  vanished_ = true;  // unless all turn out to be there
  for (const TopicPartition& partition : partitions_) {
    const bool last_of_topic =
        &partition == &partitions_.back() || (&partition + 1)->topic != partition.topic;
    if (!last_of_topic || client_->require_topic(partition.topic) > partition.partition) continue;
    throw KafkaError(KafkaError::Kind::partition_missing, "reading", rd_kafka_err2name(told->code),
                     told->text, partition.topic, partition.partition);
  }
  vanished_ = false;
}

void KafkaSource::wait(std::chrono::milliseconds at_most) {
  committer_->serve();
  serve_main_queue();
  events_.wait(at_most);
  serve_main_queue();
  check_vanished();
}

void KafkaSource::commit_async(std::span<const CommitOffset> offsets) {
  if (!commits_) throw std::logic_error("a source without a group commits nothing");
  committer_->commit_async(offsets);
}

std::vector<std::int64_t> KafkaSource::end_offsets() const {
  std::vector<std::int64_t> ends = ends_at_start_;
  for (std::size_t index = 0; index < ends.size(); ++index) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    if (rd_kafka_get_watermark_offsets(client_->handle(), partitions_[index].topic.c_str(),
                                       partitions_[index].partition, &low,
                                       &high) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ends[index] = std::max(ends[index], high);
    }
  }
  return ends;
}

bool KafkaSource::close(std::chrono::milliseconds at_most) {
  if (!client_) return true;
  const Clock::time_point deadline = Clock::now() + at_most;
  if (pulse_) pulse_->request_stop();
  nudge_.reset();
  const bool settled = committer_->settle(at_most);
  for (const Partition& partition : states_)
    rd_kafka_queue_io_event_enable(partition.queue.get(), -1, nullptr, 0);
  if (main_queue_) rd_kafka_queue_io_event_enable(main_queue_.get(), -1, nullptr, 0);
  pulse_.reset();
  states_.clear();
  main_queue_.reset();
  committer_.reset();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  // librdkafka 2.0.2 never ends the thread of a broker that led a partition which is no more.
  const bool worth_trying = settled && !vanished_;
  const bool closed = client_->close(std::max(left, std::chrono::milliseconds{0}), worth_trying);
  client_.reset();
  return closed;
}

}  // namespace millrace
