#include "kafka/producer.h"

#include <array>
#include <fmt/format.h>

#include "millrace/errors.h"

namespace millrace {
namespace {

constexpr int kFullQueuePollMs = 100;
constexpr int kFlushSliceMs = 500;

KafkaProperties default_properties() {
  return {{"linger.ms", "5"},
          {"compression.codec", "lz4"},
          {"queue.buffering.max.kbytes", "65536"},
          {"message.timeout.ms", "120000"},
          {"allow.auto.create.topics", "false"}};
}

KafkaProperties owned_properties(const std::string& partitioner) {
  return {{"enable.idempotence", "true"}, {"partitioner", partitioner}};
}

// librdkafka tells null from empty by the pointer.
struct Bytes {
  explicit Bytes(std::optional<std::string_view> text)
      : data(!text                     ? nullptr
             : text->data() != nullptr ? text->data()
                                       : ""),
        size(text ? text->size() : 0) {}
  const char* data;
  std::size_t size;
};

}  // namespace

TopicProducer::TopicProducer(const ClientSettings& settings, const std::string& topic,
                             const std::string& partitioner)
    : topic_(topic),
      client_(ClientRole::producer, settings, default_properties(), owned_properties(partitioner),
              &on_delivery),
      partitions_(client_.require_topic(topic)),
      handle_(rd_kafka_topic_new(client_.handle(), topic.c_str(), nullptr)) {
  if (!handle_) kafka_check(rd_kafka_last_error(), "producing", {}, topic_);
  by_partition_.resize(static_cast<std::size_t>(partitions_));
  client_.announce_errors();
}

TopicProducer::~TopicProducer() {
  rd_kafka_purge(client_.handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.handle(), kFlushSliceMs);  // the reports of what was purged
}

void TopicProducer::send(std::optional<std::string_view> key, std::optional<std::string_view> value) {
  send_to(RD_KAFKA_PARTITION_UA, key, value);
}

void TopicProducer::send_to(std::int32_t partition, std::optional<std::string_view> key,
                            std::optional<std::string_view> value) {
  const Bytes key_bytes(key);
  const Bytes value_bytes(value);
  for (;;) {
    throw_if_failed();
    // librdkafka copies the value and does not write to it, whatever its signature says.
    if (rd_kafka_produce(handle_.get(), partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value_bytes.data),
                         value_bytes.size, key_bytes.data, key_bytes.size, this) == 0) {
      break;
    }
    const rd_kafka_resp_err_t code = rd_kafka_last_error();
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(client_.handle(), kFullQueuePollMs);
      continue;
    }
    kafka_check(code, "producing",
                code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? too_large(key_bytes.size + value_bytes.size)
                                                             : std::string{},
                topic_, partition);
  }
  rd_kafka_poll(client_.handle(), 0);
}

void TopicProducer::flush() {
  while (rd_kafka_outq_len(client_.handle()) > 0) rd_kafka_flush(client_.handle(), kFlushSliceMs);
  throw_if_failed();
}

void TopicProducer::on_delivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  auto& producer = *static_cast<TopicProducer*>(message->_private);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++producer.delivered_;
    const auto partition = static_cast<std::size_t>(message->partition);
    if (partition >= producer.by_partition_.size())
      producer.by_partition_.resize(partition + 1);  // it was added
    ++producer.by_partition_[partition];
  } else if (!producer.failure_) {
    producer.failure_ = Failure{message->err,
                                message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
                                    ? producer.too_large(message->key_len + message->len)
                                    : std::string{},
                                message->partition};
  }
}

void TopicProducer::throw_if_failed() const {
  if (!failure_) return;
  if (kind_of(failure_->code) == KafkaError::Kind::timed_out)
    throw client_.no_answer(failure_->code, "producing");
  kafka_check(failure_->code, "producing", failure_->detail, topic_, failure_->partition);
}

std::string TopicProducer::too_large(std::size_t bytes) const {
  std::array<char, 32> limit{};
  std::size_t size = limit.size();
  rd_kafka_conf_get(rd_kafka_conf(client_.handle()), "message.max.bytes", limit.data(), &size);
  return fmt::format(
      "a record of {} bytes is above the limit: message.max.bytes, {} here, or the topic's own", bytes,
      limit.data());
}

}  // namespace millrace
