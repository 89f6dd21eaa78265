#include "kafka/dead_letters.h"

#include <array>
#include <memory>

#include "millrace/errors.h"

namespace millrace {
namespace {

constexpr const char* kOperation = "sending dead letters";
constexpr int kListenMs = 100;
constexpr int kPurgeMs = 500;
constexpr std::chrono::milliseconds kClosePatience{1000};

// What librdkafka and the headers take besides the bytes of the record.
constexpr std::size_t kLetterOverheadBytes = 2048;

struct HeadersDestroyer {
  void operator()(rd_kafka_headers_t* headers) const noexcept { rd_kafka_headers_destroy(headers); }
};
using HeadersOwner = std::unique_ptr<rd_kafka_headers_t, HeadersDestroyer>;

KafkaProperties default_properties() {
  return {
      {"linger.ms", "5"},
      {"compression.codec", "lz4"},
      {"message.max.bytes", "1000000000"},  // what could be read must fit; the topic has a limit of its own
      {"message.timeout.ms", "120000"},
      {"allow.auto.create.topics", "false"}};
}

// The queue is bounded here, by bytes that count overhead too.
KafkaProperties owned_properties() {
  return {{"enable.idempotence", "true"},
          {"acks", "all"},
          {"partitioner", "murmur2_random"},
          {"queue.buffering.max.kbytes", "2147483647"},
          {"queue.buffering.max.messages", "10000000"}};
}

void require_topic(const Client& client, const std::string& topic) {
  if (client.partition_count(topic)) return;
  throw KafkaError(KafkaError::Kind::dead_letter_topic_missing, "looking for the dead-letter topic",
                   rd_kafka_err2name(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART),
                   "the cluster has no such topic", topic);
}

// The headers of the record itself; none where it was not read from Kafka.
HeadersOwner original_headers(const RecordView& record) {
  rd_kafka_headers_t* borrowed = nullptr;
  const auto* message = static_cast<const rd_kafka_message_t*>(record.message);
  if (message == nullptr || rd_kafka_message_headers(message, &borrowed) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return HeadersOwner(rd_kafka_headers_new(16));
  return HeadersOwner(rd_kafka_headers_copy(borrowed));
}

std::size_t bytes_of(const rd_kafka_headers_t* headers) {
  std::size_t sum = 0;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t index = 0;
       rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++index) {
    sum += std::string_view(name).size() + size;
  }
  return sum;
}

// librdkafka tells null from empty by the pointer, and does not write to what it points to.
rd_kafka_vu_t bytes_part(rd_kafka_vtype_t type, std::string_view bytes, bool present) {
  const char* const data = bytes.data() != nullptr ? bytes.data() : "";
  rd_kafka_vu_t part{};
  part.vtype = type;
  part.u.mem.ptr = present ? const_cast<char*>(data) : nullptr;
  part.u.mem.size = bytes.size();
  return part;
}

}  // namespace

DeadLetters::DeadLetters(const DeadLetterSettings& settings, const RecordSource& source, Explain explain)
    : topic_(settings.topic),
      connector_(settings.connector),
      most_bytes_(settings.memory_bytes),
      source_(source),
      explain_(std::move(explain)),
      client_(ClientRole::producer, settings.client, default_properties(), owned_properties(), &on_delivery) {
  require_topic(client_, topic_);
  handle_.reset(rd_kafka_topic_new(client_.handle(), topic_.c_str(), nullptr));
  if (!handle_) kafka_check(rd_kafka_last_error(), kOperation, {}, topic_);
  client_.announce_errors();
  listening_ = std::jthread([this](const std::stop_token& end) {
    while (!end.stop_requested()) rd_kafka_poll(client_.handle(), kListenMs);
  });
}

DeadLetters::~DeadLetters() {
  stop();
  listening_.request_stop();
  listening_.join();
  rd_kafka_purge(client_.handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.handle(), kPurgeMs);  // the reports of what was purged
  handle_.reset();
  client_.close(kClosePatience);
}

std::uint64_t DeadLetters::take_async(std::uint32_t partition, const RecordView& record,
                                      const DecodeOutcome& outcome) {
  HeadersOwner headers = original_headers(record);
  const Headers added = own_headers(partition, record, outcome);
  Letter* const letter =
      add(record.key.size() + record.value.size() + bytes_of(headers.get()) + kLetterOverheadBytes);
  if (letter == nullptr) return taken_;
  const std::uint64_t number = letter->number;
  for (const auto& [name, value] : added) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }

  std::array<rd_kafka_vu_t, 7> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_RKT;
  parts[0].u.rkt = handle_.get();
  parts[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[1].u.i = RD_KAFKA_MSG_F_COPY;
  parts[2] = bytes_part(RD_KAFKA_VTYPE_KEY, record.key, record.has_key);
  parts[3] = bytes_part(RD_KAFKA_VTYPE_VALUE, record.value, record.has_value);
  parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[4].u.ptr = letter;
  parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[5].u.headers = headers.get();
  parts[6].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  parts[6].u.i64 = record.timestamp_ms > 0 ? record.timestamp_ms : 0;  // 0: now
  const KafkaErrorOwner refused(rd_kafka_produceva(client_.handle(), parts.data(), parts.size()));
  if (refused) {
    settle(*letter, rd_kafka_error_code(refused.get()), rd_kafka_error_string(refused.get()));
    static_cast<void>(wait(number));  // throws
  } else {
    static_cast<void>(headers.release());  // the message owns them now
  }
  return number;
}

DeadLetters::Letter* DeadLetters::add(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return stopped_ || failure_ || bytes_ == 0 || (bytes < most_bytes_ && bytes_ <= most_bytes_ - bytes);
  });
  if (failure_ && !stopped_) throw_failure(*failure_);
  ++taken_;
  if (stopped_) return nullptr;
  bytes_ += bytes;
  return &letters_.emplace_back(this, taken_, bytes);
}

void DeadLetters::on_delivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  auto& letter = *static_cast<Letter*>(message->_private);
  // Not rd_kafka_message_errstr: librdkafka 2.0.2 takes the payload of the letter for the text.
  letter.owner.load(std::memory_order_acquire)->settle(letter, message->err, rd_kafka_err2str(message->err));
}

void DeadLetters::settle(Letter& letter, rd_kafka_resp_err_t code, std::string_view detail) {
  const std::lock_guard lock(mutex_);
  bytes_ -= letter.bytes;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++acknowledged_;
    letter.acknowledged = true;
    for (; !letters_.empty() && letters_.front().acknowledged; letters_.pop_front()) ++safe_;
  } else if (!failure_ || letter.number < failure_->number) {
    failure_ = Failure{letter.number, code, std::string(detail)};
  }
  changed_.notify_all();
}

bool DeadLetters::wait(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  const auto failed = [&] { return failure_ && failure_->number <= number; };
  changed_.wait(lock, [&] { return stopped_ || safe_ >= number || failed(); });
  if (safe_ >= number) return true;
  if (failed()) throw_failure(*failure_);
  return false;
}

void DeadLetters::stop() noexcept {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

std::uint64_t DeadLetters::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

DeadLetters::Headers DeadLetters::own_headers(std::uint32_t partition, const RecordView& record,
                                              const DecodeOutcome& outcome) const {
  const TopicPartition& where = source_.partitions()[partition];
  LetterText text = explain_(outcome);
  return {{"__connect.errors.topic", where.topic},
          {"__connect.errors.partition", std::to_string(where.partition)},
          {"__connect.errors.offset", std::to_string(record.offset)},
          {"__connect.errors.connector.name", connector_},
          {"__connect.errors.task.id", "0"},
          {"__connect.errors.stage", std::move(text.stage)},
          {"__connect.errors.class.name", std::move(text.class_name)},
          {"__connect.errors.exception.class.name", std::move(text.reason)},
          {"__connect.errors.exception.message", std::move(text.sentence)}};
}

void DeadLetters::throw_failure(const Failure& failure) const {
  if (kind_of(failure.code) == KafkaError::Kind::timed_out) throw client_.no_answer(failure.code, kOperation);
  const KafkaError::Kind kind = kind_of(failure.code);
  throw KafkaError(
      kind == KafkaError::Kind::topic_missing ? KafkaError::Kind::dead_letter_topic_missing : kind,
      std::string(kOperation) + " to " + topic_, rd_kafka_err2name(failure.code), failure.detail, topic_);
}

}  // namespace millrace
