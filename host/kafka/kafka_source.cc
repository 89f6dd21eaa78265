#include "kafka/kafka_source.h"

#include <algorithm>
#include <future>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <thread>

#include "millrace/errors.h"

#include "kafka/fingerprint.h"
#include "kafka/log_range.h"
#include "kafka/message_view.h"
#include "kafka/start_positions.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kClosePatience{5000};

// How long the reading may stand still for a question of its own, and how soon one that was not answered is
// asked again.
constexpr std::chrono::milliseconds kAnswerPatience{3000};
constexpr std::chrono::seconds kAskAgainAfter{5};

// Messages come off another core. One that is taken soon is fetched from there while others are.
constexpr std::size_t kTakenSoon = 8;
void fetch_ahead(const rd_kafka_message_t* message) {
  constexpr std::ptrdiff_t kCacheLine = 64;
  const auto* const bytes = reinterpret_cast<const std::byte*>(message);
  for (std::ptrdiff_t line = 0; line < 3; ++line) __builtin_prefetch(bytes + line * kCacheLine);
}

// How often the ends of logs are compared with what was read.
constexpr std::chrono::seconds kCheckEvery{1};

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

void take_header(const rd_kafka_message_t& message, const std::string& name, RecordView& record) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const void* value = nullptr;
  std::size_t size = 0;
  // A header's null value is no value.
  record.has_header =
      rd_kafka_header_get_last(headers, name.c_str(), &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR &&
      value != nullptr;
  if (record.has_header) record.header = {static_cast<const char*>(value), size};
}

}  // namespace

KafkaSource::KafkaSource(const SourceSettings& settings)
    : label_header_(settings.label_header),
      commits_(!settings.group.empty()),
      client_settings_(settings.client),
      discover_every_(settings.discover_every),
      losses_(settings.on_data_loss),
      answers_(settings.answers) {
  // The limits depend on the number of partitions, and a handle's limits cannot change: one that fetches
  // nothing counts first.
  const FetchLimits nothing = fetch_limits(0, 1);
  asking_ = std::make_unique<Client>(ClientRole::consumer, settings.client, consumer_defaults(nothing),
                                     consumer_properties(settings.group, nothing));
  partitions_ = all_partitions(*asking_, sorted_topics(settings));
  const std::vector<LogRange> ranges = log_ranges(*asking_, partitions_);
  starts_ = start_positions(*asking_, settings.client,
                            {.partitions = partitions_,
                             .ranges = ranges,
                             .rule = settings.start,
                             .known = settings.known,
                             .rewind = settings.rewind},
                            losses_);
  for (const LogRange& range : ranges) ends_at_start_.push_back(range.end);
  committer_.emplace(asking_->handle());

  const FetchLimits limits = fetch_limits(settings.memory_bytes, partitions_.size(), settings.record_size);
  const std::size_t most = std::max<std::size_t>(1, partitions_.size());
  const std::size_t count = settings.consumers > 0
                                ? std::min<std::size_t>(settings.consumers, most)
                                : consumers_that_pay(std::thread::hardware_concurrency(), most);
  while (consumers_.size() < count) {
    consumers_.push_back(std::make_unique<Consumer>(settings.client, settings.group, limits));
  }
}

KafkaSource::~KafkaSource() {
  if (!close(kClosePatience)) spdlog::warn("kafka: left the connection alone: it did not close");
}

void KafkaSource::start() {
  std::vector<std::vector<PartitionStart>> shares(consumers_.size());
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    shares[index % shares.size()].push_back({partitions_[index], starts_[index]});
    states_.push_back({.next_offset = starts_[index].offset, .last_record = {}});
  }
  for (std::size_t number = 0; number < shares.size(); ++number) {
    consumers_[number]->start(shares[number], events_);
  }
  if (discover_every_ > discover_every_.zero()) {
    watch_.emplace(*asking_, partitions_, discover_every_, [this] { events_.signal(); });
  }
  if (!answers_) return;
  answers_->heard(Clock::now(), ends_at_start_);
  pulse_.emplace(asking_->handle(), partitions_, answers_);
}

std::vector<PartitionStart> KafkaSource::discover() {
  if (!watch_) return {};
  std::vector<PartitionStart> found = watch_->take();
  for (const PartitionStart& added : found) {
    consumer_of(partitions_.size()).add(added, events_);
    states_.push_back({.next_offset = added.start.offset, .last_record = {}});
    if (pulse_) pulse_->add(added.partition);
    {
      const std::lock_guard lock(growth_);
      partitions_.push_back(added.partition);
    }
    spdlog::warn("{}/{}: found a new partition; reading it from offset {}", added.partition.topic,
                 added.partition.partition, added.start.offset);
  }
  return found;
}

PullOutcome KafkaSource::pull(std::size_t index, std::size_t max_records, RecordBatch& batch) {
  Consumer& consumer = consumer_of(index);
  consumer.serve();
  Partition& partition = states_[index];
  if (partition.lost) return {.lost = true};
  const std::size_t before = batch.size();
  const std::size_t wanted = before + max_records;
  // Ends of the log count as messages in a chunk: only a chunk that comes back short tells an empty queue.
  while (batch.size() < wanted) {
    const std::size_t asked = std::min(kPullChunk, wanted - batch.size());
    const std::size_t got = consumer.take(number_of(index), std::span(chunk_).first(asked));
    take_chunk(index, std::span(chunk_).first(got), batch);
    if (got < asked) break;
  }
  if (batch.size() > before) partition.last_record = fingerprint_of(batch.records().back());
  check_vanished();
  return {batch.size() - before, partition.at_end, partition.next_offset, partition.lost};
}

void KafkaSource::take_chunk(std::size_t index, std::span<rd_kafka_message_t* const> messages,
                             RecordBatch& batch) {
  Partition& partition = states_[index];
  std::size_t done = 0;
  std::size_t payload_bytes = 0;
  try {
    while (done < messages.size()) {
      if (done + kTakenSoon < messages.size()) fetch_ahead(messages[done + kTakenSoon]);
      rd_kafka_message_t* const message = messages[done++];
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const MessageOwner owner(message);
        take_other(index, *message);
        continue;
      }
      payload_bytes += message->len;
      RecordView& record = batch.append(message, &release_message);
      view(*message, record);
      if (label_header_) take_header(*message, *label_header_, record);
      partition.next_offset = message->offset + 1;
      partition.at_end = false;
    }
  } catch (...) {
    while (done < messages.size()) rd_kafka_message_destroy(messages[done++]);
    throw;
  }
  consumer_of(index).took(number_of(index), messages.size(), payload_bytes);
}

void KafkaSource::take_other(std::size_t index, const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR__PARTITION_EOF) return take_error(message, index);
  Partition& partition = states_[index];
  partition.next_offset = std::max(partition.next_offset, message.offset);
  partition.at_end = true;
}

void KafkaSource::take_error(const rd_kafka_message_t& message, std::size_t index) {
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
      message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    return lose(index, loss_of(index));
  }
  if (tells_of_vanishing(message.err)) {
    return consumer_of(index).errors().note(message.err, rd_kafka_message_errstr(&message));
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
  const LogRange log = log_ranges(*asking_, {&partitions_[index], 1}, kAnswerPatience).front();
  const std::optional<DataLoss> loss = loss_at(partitions_[index], position, log);
  return loss.value_or(DataLoss{DataLossError::Kind::replaced, partitions_[index], position, log});
}

void KafkaSource::lose(std::size_t index, const DataLoss& loss) {
  if (!losses_.go_on()) losses_.meet(loss);
  states_[index].lost = true;
}

Position KafkaSource::recover(std::size_t index) {
  const std::int64_t offset = losses_.meet(loss_of(index));
  consumer_of(index).move(partitions_[index], offset);
  states_[index] = {.next_offset = offset, .last_record = {}};
  return {.offset = offset};
}

void KafkaSource::check_vanished() {
  for (const std::unique_ptr<Consumer>& consumer : consumers_) {
    auto told = consumer->errors().take_vanished();
    if (!told) continue;
    vanished_ = std::move(told);
    next_look_ = {};
  }
  if (!vanished_ || Clock::now() < next_look_) return;
  next_look_ = Clock::now() + kAskAgainAfter;
  try {
    require_partitions(*vanished_);
  } catch (const KafkaError& error) {
    if (error.kind != KafkaError::Kind::unreachable) throw;
    return;
  }
  if (check_logs()) vanished_.reset();  // it may have been away and come back as another
}

void KafkaSource::require_partitions(const ErrorMemory::Told& told) const {
  for (const TopicPartition& partition : partitions_) {
    const bool last_of_topic =
        &partition == &partitions_.back() || (&partition + 1)->topic != partition.topic;
    if (!last_of_topic || asking_->require_topic(partition.topic, kAnswerPatience) > partition.partition) {
      continue;
    }
    throw KafkaError(KafkaError::Kind::partition_missing, "reading", rd_kafka_err2name(told.code), told.text,
                     partition.topic, partition.partition);
  }
}

void KafkaSource::check_ends() {
  const Clock::time_point now = Clock::now();
  if (now < next_check_) return;
  next_check_ = now + kCheckEvery;
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    const std::optional<std::int64_t> end = consumer_of(index).known_end(partitions_[index]);
    if (!end || *end >= states_[index].next_offset) continue;
    if (!check_logs()) next_check_ = Clock::now() + kAskAgainAfter;
    return;
  }
}

bool KafkaSource::check_logs() {
  std::vector<ReadLog> logs;
  std::vector<std::size_t> indices;
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    if (states_[index].lost) continue;
    logs.push_back({partitions_[index], states_[index].next_offset, states_[index].last_record});
    indices.push_back(index);
  }
  try {
    for (const auto& [number, loss] : lost_logs(*asking_, client_settings_, logs, kAnswerPatience)) {
      lose(indices[number], loss);
    }
    return true;
  } catch (const KafkaError& error) {
    if (error.kind != KafkaError::Kind::unreachable) throw;
    spdlog::debug("kafka: nobody says whether the logs are those that were read: {}", error.what());
    return false;
  }
}

void KafkaSource::wait(std::chrono::milliseconds at_most) {
  committer_->serve();
  rd_kafka_poll(asking_->handle(), 0);
  for (const auto& consumer : consumers_) consumer->serve();
  events_.wait(at_most);
  for (const auto& consumer : consumers_) consumer->serve();
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
    const std::optional<std::int64_t> end = consumer_of(index).known_end(partitions_[index]);
    if (end) ends[index] = std::max(ends[index], *end);
  }
  return ends;
}

bool KafkaSource::close(std::chrono::milliseconds at_most) {
  if (!asking_) return true;
  const Clock::time_point deadline = Clock::now() + at_most;
  if (pulse_) pulse_->request_stop();
  watch_.reset();
  const bool settled = committer_->settle(at_most);
  pulse_.reset();
  committer_.reset();
  const auto left = std::max(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()),
                             std::chrono::milliseconds{0});
  // librdkafka 2.0.2 never ends the thread of a broker that led a partition which is no more.
  const bool worth_trying = settled && !vanished_;
  std::vector<std::future<bool>> closing;  // side by side: one dead broker keeps them all waiting
  for (const auto& consumer : consumers_) {
    closing.push_back(std::async(std::launch::async, [&] { return consumer->close(left, worth_trying); }));
  }
  bool closed = asking_->close(left, worth_trying);
  for (std::future<bool>& consumer : closing) closed = consumer.get() && closed;
  consumers_.clear();
  asking_.reset();
  return closed;
}

}  // namespace millrace
