#include "support/record_reader.h"

#include <array>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <stdexcept>

namespace millrace::support {
namespace {

constexpr int kTimeoutMs = 30'000;

std::optional<std::string> text_of(const void* data, std::size_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(data), size);
}

ReadRecord copy_of(const rd_kafka_message_t& message) {
  ReadRecord record{.partition = message.partition,
                    .offset = message.offset,
                    .timestamp_ms = rd_kafka_message_timestamp(&message, nullptr),
                    .key = text_of(message.key, message.key_len),
                    .value = text_of(message.payload, message.len),
                    .headers = {}};
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t index = 0;
       rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++index) {
    record.headers.emplace_back(name, text_of(value, size));
  }
  return record;
}

class Consumer {
 public:
  explicit Consumer(const std::string& brokers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [name, value] : {std::pair<const char*, std::string>{"bootstrap.servers", brokers},
                                      {"group.id", "record-reader"},
                                      {"enable.auto.commit", "false"},
                                      {"enable.partition.eof", "true"},
                                      {"auto.offset.reset", "error"},
                                      {"fetch.wait.max.ms", "50"},  // an end comes after so long
                                      {"fetch.message.max.bytes", "30000000"}}) {
      rd_kafka_conf_set(conf, name, value.c_str(), nullptr, 0);
    }
    rd_kafka_conf_set_log_cb(conf, nullptr);
    std::array<char, 512> text{};
    handle_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text.data(), text.size());
    if (handle_ == nullptr) throw std::runtime_error(text.data());
    rd_kafka_poll_set_consumer(handle_);
  }
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  ~Consumer() { rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE); }

  void read(const std::string& topic, std::int32_t partition, std::vector<ReadRecord>& records) {
    // A log that goes on growing may never come to an end.
    std::int64_t begin = 0;
    std::int64_t end = 0;
    const rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(handle_, topic.c_str(), partition, &begin, &end, kTimeoutMs);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(code));
    if (begin == end) return;
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(handle_, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (;;) {
      const std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)> message(
          rd_kafka_consumer_poll(handle_, kTimeoutMs), &rd_kafka_message_destroy);
      if (!message) throw std::runtime_error("reading " + topic + ": nothing came");
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset >= end) return;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        records.push_back(copy_of(*message));
      } else if (message->err != RD_KAFKA_RESP_ERR__TRANSPORT) {
        throw std::runtime_error(rd_kafka_message_errstr(message.get()));
      }
    }
  }

 private:
  rd_kafka_t* handle_ = nullptr;
};

}  // namespace

std::string ReadRecord::header(const std::string& name) const {
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (header->first == name) return header->second.value_or("");
  }
  return {};
}

std::vector<ReadRecord> read_topic(const std::string& brokers, const std::string& topic,
                                   std::int32_t partitions) {
  Consumer consumer(brokers);
  std::vector<ReadRecord> records;
  for (std::int32_t partition = 0; partition < partitions; ++partition)
    consumer.read(topic, partition, records);
  return records;
}

}  // namespace millrace::support
