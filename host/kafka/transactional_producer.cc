#include "kafka/transactional_producer.h"

#include <array>
#include <memory>
#include <spdlog/spdlog.h>
#include <thread>

#include "millrace/errors.h"

#include "kafka/log_range.h"

namespace millrace {
namespace {

constexpr std::string_view kBeginning = "beginning transactions";
constexpr std::string_view kSending = "producing in a transaction";
constexpr std::string_view kCommitting = "committing a transaction";
constexpr std::string_view kAborting = "aborting a transaction";

constexpr int kCallMs = 5'000;
constexpr int kLastCallMs = 1'000;
constexpr int kFullQueuePollMs = 100;
constexpr std::chrono::milliseconds kPauseAfterAbort{100};

KafkaProperties default_properties() {
  return {
      {"linger.ms", "5"},
      {"compression.codec", "lz4"},
      {"queue.buffering.max.kbytes", "65536"},
      {"allow.auto.create.topics", "false"},
      // Readers wait so long for what a process that died had begun; and a broker may be away for as long.
      {"transaction.timeout.ms", "30000"},
      {"reconnect.backoff.max.ms", "2000"}};
}

KafkaProperties owned_properties(const std::string& transactional_id) {
  return {{"transactional.id", transactional_id}, {"delivery.report.only.error", "true"}};
}

// librdkafka tells null from empty by the pointer, and does not write to what it points to.
rd_kafka_vu_t bytes_part(rd_kafka_vtype_t type, std::optional<std::string_view> bytes) {
  rd_kafka_vu_t part{};
  part.vtype = type;
  if (!bytes) return part;
  part.u.mem.ptr = const_cast<char*>(bytes->data() != nullptr ? bytes->data() : "");
  part.u.mem.size = bytes->size();
  return part;
}

// Trying again would not help.
bool is_hopeless(rd_kafka_resp_err_t code) {
  const KafkaError::Kind kind = kind_of(code);
  return kind == KafkaError::Kind::authentication || kind == KafkaError::Kind::tls ||
         kind == KafkaError::Kind::topic_missing || code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
         code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

}  // namespace

TransactionalProducer::TransactionalProducer(const ClientSettings& settings, const std::string& topic,
                                             const std::string& transactional_id)
    : topic_(topic),
      client_(ClientRole::producer, settings, default_properties(), owned_properties(transactional_id),
              &on_delivery),
      partitions_(client_.require_topic(topic)),
      handle_(rd_kafka_topic_new(client_.handle(), topic.c_str(), nullptr)) {
  if (!handle_) kafka_check(rd_kafka_last_error(), kBeginning, {}, topic_);
  const Clock::time_point deadline = Clock::now() + client_.timeout();
  for (;;) {
    const KafkaErrorOwner error(rd_kafka_init_transactions(client_.handle(), kCallMs));
    if (!error) break;
    if (rd_kafka_error_is_fatal(error.get()) != 0) throw_fatal(kBeginning);
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    if (rd_kafka_error_is_retriable(error.get()) == 0)
      kafka_check(code, kBeginning, rd_kafka_error_string(error.get()));
    rd_kafka_poll(client_.handle(), 0);  // lets the error callback speak
    if (client_.errors().hopeless() || Clock::now() >= deadline) throw client_.no_answer(code, kBeginning);
  }
  client_.announce_errors();
}

TransactionalProducer::~TransactionalProducer() {
  // So that nobody waits for its time-out, where a broker hears of it.
  if (open_) const KafkaErrorOwner ignored(rd_kafka_abort_transaction(client_.handle(), kLastCallMs));
  rd_kafka_purge(client_.handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_poll(client_.handle(), 0);
}

void TransactionalProducer::begin() {
  failure_.reset();
  const KafkaErrorOwner error(rd_kafka_begin_transaction(client_.handle()));
  open_ = !error;
  if (!error) return;
  if (rd_kafka_error_is_fatal(error.get()) != 0) throw_fatal(kBeginning);
  kafka_check(rd_kafka_error_code(error.get()), kBeginning, rd_kafka_error_string(error.get()));
}

bool TransactionalProducer::send(const OutgoingRecord& record) {
  rd_kafka_headers_t* const headers = rd_kafka_headers_new(record.headers.size());
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  std::array<rd_kafka_vu_t, 7> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_RKT;
  parts[0].u.rkt = handle_.get();
  parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  parts[1].u.i32 = record.partition;
  parts[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[2].u.i = RD_KAFKA_MSG_F_COPY;
  parts[3] = bytes_part(RD_KAFKA_VTYPE_KEY, record.key);
  parts[4] = bytes_part(RD_KAFKA_VTYPE_VALUE, record.value);
  parts[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[5].u.ptr = this;
  parts[6].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[6].u.headers = headers;
  for (;;) {
    const KafkaErrorOwner refused(rd_kafka_produceva(client_.handle(), parts.data(), parts.size()));
    if (!refused) return true;  // the message owns the headers now
    const rd_kafka_resp_err_t code = rd_kafka_error_code(refused.get());
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(client_.handle(), kFullQueuePollMs);
      continue;
    }
    rd_kafka_headers_destroy(headers);
    if (code == RD_KAFKA_RESP_ERR__FATAL) throw_fatal(kSending);
    // While a transaction has failed and is not aborted yet, librdkafka takes no records: its state is wrong.
    if (!failure_) failure_ = Failure{code, rd_kafka_error_string(refused.get())};
    return false;
  }
}

bool TransactionalProducer::commit(std::span<const CommitOffset> offsets, const GroupMetadata& group) {
  if (!offsets.empty()) {
    const PartitionListOwner list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
    for (const CommitOffset& commit : offsets) {
      rd_kafka_topic_partition_list_add(list.get(), commit.partition.topic.c_str(),
                                        commit.partition.partition)
          ->offset = commit.offset;
    }
    if (!attempt(kCommitting, [&] {
          return rd_kafka_send_offsets_to_transaction(client_.handle(), list.get(), group.get(), kCallMs);
        })) {
      return false;
    }
  }
  if (!attempt(kCommitting, [&] { return rd_kafka_commit_transaction(client_.handle(), kCallMs); }))
    return false;
  open_ = false;
  in_vain_since_.reset();
  return true;
}

void TransactionalProducer::abort() {
  const std::optional<Failure> failure = failure_;
  static_cast<void>(
      attempt(kAborting, [&] { return rd_kafka_abort_transaction(client_.handle(), kCallMs); }));
  open_ = false;
  const Clock::time_point now = Clock::now();
  if (!in_vain_since_) in_vain_since_ = now;
  if (failure && (is_hopeless(failure->code) || now - *in_vain_since_ > kPatience))
    kafka_check(failure->code, kSending, failure->detail, topic_);
  if (failure) {
    spdlog::warn("kafka: a transaction failed and is begun again: {} ({})", failure->detail,
                 rd_kafka_err2name(failure->code));
    std::this_thread::sleep_for(kPauseAfterAbort);
  }
}

template <typename Call>
bool TransactionalProducer::attempt(std::string_view operation, const Call& call) {
  for (;;) {
    const KafkaErrorOwner error(call());
    if (!error) return true;
    if (rd_kafka_error_is_fatal(error.get()) != 0) throw_fatal(operation);
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    if (rd_kafka_error_is_retriable(error.get()) != 0) continue;
    if (rd_kafka_error_txn_requires_abort(error.get()) == 0)
      kafka_check(code, operation, rd_kafka_error_string(error.get()), topic_);
    if (!failure_) failure_ = Failure{code, rd_kafka_error_string(error.get())};
    return false;
  }
}

void TransactionalProducer::on_delivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message,
                                        void* /*opaque*/) {
  auto& producer = *static_cast<TransactionalProducer*>(message->_private);
  const bool purged =
      message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
  // Not rd_kafka_message_errstr: librdkafka 2.0.2 takes the payload for the text.
  if (!purged && !producer.failure_)
    producer.failure_ = Failure{message->err, rd_kafka_err2str(message->err)};
}

void TransactionalProducer::throw_fatal(std::string_view operation) const {
  std::array<char, 512> reason{};
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(client_.handle(), reason.data(), reason.size());
  kafka_check(code, operation, reason.data());
  throw KafkaError(KafkaError::Kind::other, std::string(operation), "_FATAL", reason.data());
}

}  // namespace millrace
