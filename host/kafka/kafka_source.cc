#include "kafka/kafka_source.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <stdexcept>

#include "millrace/errors.h"

#include "kafka/fingerprint.h"
#include "kafka/last_records.h"
#include "kafka/message_view.h"
#include "kafka/start_positions.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kClosePatience{5000};
constexpr std::chrono::milliseconds kRangePatience{4000};

// How often the ends of logs are compared with what was read.
constexpr std::chrono::seconds kCheckEvery{1};

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

void release_message(void* message) { rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(message)); }

RecordView with_header(const rd_kafka_message_t& message, const std::optional<std::string>& label_header) {
  RecordView record = view_of(message);
  rd_kafka_headers_t* headers = nullptr;
  if (label_header && rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const void* value = nullptr;
    std::size_t size = 0;
    // A header's null value is no value.
    record.has_header = rd_kafka_header_get_last(headers, label_header->c_str(), &value, &size) ==
                            RD_KAFKA_RESP_ERR_NO_ERROR &&
                        value != nullptr;
    if (record.has_header) record.header = {static_cast<const char*>(value), size};
  }
  return record;
}

void check(rd_kafka_error_t* error, std::string_view operation, const TopicPartition& partition) {
  const std::unique_ptr<rd_kafka_error_t, void (*)(rd_kafka_error_t*)> owner(error, &rd_kafka_error_destroy);
  if (error == nullptr) return;
  kafka_check(rd_kafka_error_code(error), operation, rd_kafka_error_string(error), partition.topic,
              partition.partition);
}

bool tells_of_vanishing(rd_kafka_resp_err_t code) {
  const KafkaError::Kind kind = kind_of(code);
  return kind == KafkaError::Kind::topic_missing || kind == KafkaError::Kind::partition_missing;
}

}  // namespace

KafkaSource::KafkaSource(const SourceSettings& settings)
    : label_header_(settings.label_header),
      commits_(!settings.group.empty()),
      client_settings_(settings.client),
      discover_every_(settings.discover_every),
      losses_(settings.on_data_loss),
      answers_(settings.answers) {
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
  starts_ = start_positions(*client_, settings.client,
                            {.partitions = partitions_,
                             .ranges = ranges,
                             .rule = settings.start,
                             .known = settings.known,
                             .rewind = settings.rewind},
                            losses_);
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
  main_queue_.reset(rd_kafka_queue_get_consumer(handle));
  rd_kafka_queue_io_event_enable(main_queue_.get(), events_.descriptor(), &EventFd::kSignal,
                                 sizeof EventFd::kSignal);

  const PartitionListOwner list = make_partition_list(partitions_, 0);
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    list->elems[index].offset = starts_[index].offset;
    states_.push_back(open(partitions_[index], starts_[index].offset));
  }
  nudge_.emplace(handle, partitions_, limits_);
  kafka_check(rd_kafka_assign(handle, list.get()), "starting to read");
  if (discover_every_ > discover_every_.zero()) {
    watch_.emplace(*client_, partitions_, discover_every_, [this] { events_.signal(); });
  }
  if (!answers_) return;
  answers_->heard(Clock::now(), ends_at_start_);
  pulse_.emplace(handle, partitions_, answers_);
}

KafkaSource::Partition KafkaSource::open(const TopicPartition& partition, std::int64_t offset) {
  QueueOwner queue(
      rd_kafka_queue_get_partition(client_->handle(), partition.topic.c_str(), partition.partition));
  if (!queue) {
    kafka_check(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, "starting to read", {}, partition.topic,
                partition.partition);
  }
  rd_kafka_queue_forward(queue.get(), nullptr);  // before assign, which would forward it to the main queue
  rd_kafka_queue_io_event_enable(queue.get(), events_.descriptor(), &EventFd::kSignal,
                                 sizeof EventFd::kSignal);
  return {.queue = std::move(queue), .next_offset = offset, .last_record = {}};
}

std::vector<PartitionStart> KafkaSource::discover() {
  if (!watch_) return {};
  std::vector<PartitionStart> found = watch_->take();
  for (const auto& [partition, start] : found) {
    states_.push_back(open(partition, start.offset));
    nudge_->add(partition);
    if (pulse_) pulse_->add(partition);
    {
      const std::lock_guard lock(growth_);
      partitions_.push_back(partition);
    }
    const PartitionListOwner list = make_partition_list({&partition, 1}, start.offset);
    check(rd_kafka_incremental_assign(client_->handle(), list.get()), "reading a new partition", partition);
    spdlog::warn("{}/{}: found a new partition; reading it from offset {}", partition.topic,
                 partition.partition, start.offset);
  }
  return found;
}

PullOutcome KafkaSource::pull(std::size_t index, std::size_t max_records, RecordBatch& batch) {
  if (rd_kafka_queue_length(main_queue_.get()) != 0) serve_main_queue();
  Partition& partition = states_[index];
  if (partition.lost) return {.lost = true};
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
  if (batch.size() > before) partition.last_record = fingerprint_of(batch.records().back());
  check_vanished();
  return {batch.size() - before, partition.at_end, partition.next_offset, partition.lost};
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
    batch.append(with_header(*message, label_header_), message, &release_message);
    partition.next_offset = message->offset + 1;
    partition.at_end = false;
    return;
  }
  const MessageOwner owner(message);
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
    return lose(index, loss_of(index));
  }
  if (tells_of_vanishing(message.err)) {
    return client_->errors().note(message.err, rd_kafka_message_errstr(&message));
  }
  const TopicPartition& partition = partitions_[index];
  if (!consumer_recovers_from(message.err)) {
    kafka_check(message.err, "reading", rd_kafka_message_errstr(&message), partition.topic,
                partition.partition);
  }
  spdlog::warn("kafka: {}/{}: {}; trying again", partition.topic, partition.partition,
               rd_kafka_message_errstr(&message));
}

DataLoss KafkaSource::loss_of(std::size_t index) const {
  const std::int64_t position = states_[index].next_offset;
  const LogRange log = log_ranges(*client_, {&partitions_[index], 1}, kRangePatience).front();
  const std::optional<DataLoss> loss = loss_at(partitions_[index], position, log);
  return loss.value_or(DataLoss{DataLossError::Kind::replaced, partitions_[index], position, log});
}

void KafkaSource::lose(std::size_t index, const DataLoss& loss) {
  if (!losses_.go_on()) losses_.meet(loss);
  states_[index].lost = true;
}

Position KafkaSource::recover(std::size_t index) {
  const TopicPartition& where = partitions_[index];
  const std::int64_t offset = losses_.meet(loss_of(index));
  // A partition that was told to be out of range is not fetched any more, and cannot be sought in; one that
  // is assigned anew is, and librdkafka drops what it had queued of it.
  const PartitionListOwner list = make_partition_list({&where, 1}, offset);
  check(rd_kafka_incremental_unassign(client_->handle(), list.get()), "leaving a lost position", where);
  check(rd_kafka_incremental_assign(client_->handle(), list.get()), "leaving a lost position", where);
  Partition& partition = states_[index];
  partition.next_offset = offset;
  partition.last_record = {};
  partition.at_end = false;
  partition.lost = false;
  return {.offset = offset};
}

void KafkaSource::serve_main_queue() {
  while (rd_kafka_message_t* message = rd_kafka_consumer_poll(client_->handle(), 0)) {
    const MessageOwner owner(message);
    const std::string topic = message->rkt != nullptr ? rd_kafka_topic_name(message->rkt) : std::string{};
    if (tells_of_vanishing(message->err)) {
      client_->errors().note(message->err, rd_kafka_message_errstr(message));
      continue;
    }
    // The client looks for the coordinator of any group it was given, also where nothing is to be committed.
    if (!commits_ && message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) continue;
    if (!consumer_recovers_from(message->err)) {
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
  check_logs();  // it may have been away and come back as another
  vanished_ = false;
}

void KafkaSource::check_ends() {
  const Clock::time_point now = Clock::now();
  if (now < next_check_) return;
  next_check_ = now + kCheckEvery;
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const bool is_known = rd_kafka_get_watermark_offsets(client_->handle(), partitions_[index].topic.c_str(),
                                                         partitions_[index].partition, &low,
                                                         &high) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (is_known && high >= 0 && high < states_[index].next_offset) return check_logs();
  }
}

void KafkaSource::check_logs() {
  const std::vector<LogRange> logs = log_ranges(*client_, partitions_, kRangePatience);
  std::vector<LastRecord> last_records;
  std::vector<std::size_t> indices;
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    const Partition& partition = states_[index];
    if (partition.lost) continue;
    if (const auto loss = loss_at(partitions_[index], partition.next_offset, logs[index])) {
      lose(index, *loss);
    } else if (partition.last_record.offset >= logs[index].begin) {
      last_records.push_back({partitions_[index], partition.last_record});
      indices.push_back(index);
    }
  }
  for (const std::size_t replaced : replaced_records(client_settings_, last_records)) {
    const std::size_t index = indices[replaced];
    lose(index, {DataLossError::Kind::replaced, partitions_[index], states_[index].next_offset, logs[index]});
  }
}

void KafkaSource::wait(std::chrono::milliseconds at_most) {
  committer_->serve();
  serve_main_queue();
  events_.wait(at_most);
  serve_main_queue();
  check_vanished();
  check_ends();
}

void KafkaSource::commit_async(std::span<const CommitOffset> offsets) {
  if (!commits_) throw std::logic_error("a source without a group commits nothing");
  committer_->commit_async(offsets);
}

std::vector<std::int64_t> KafkaSource::end_offsets() const {
  const std::lock_guard lock(growth_);
  std::vector<std::int64_t> ends = ends_at_start_;
  ends.resize(partitions_.size());
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
  watch_.reset();
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
