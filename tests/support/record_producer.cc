#include "support/record_producer.h"

#include <array>
#include <librdkafka/rdkafka.h>
#include <stdexcept>

namespace millrace::support {
namespace {

constexpr int kTimeoutMs = 30'000;
constexpr std::size_t kErrorTextBytes = 512;

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  std::array<char, kErrorTextBytes> text{};
  if (rd_kafka_conf_set(conf, name, value.c_str(), text.data(), text.size()) != RD_KAFKA_CONF_OK) {
    throw std::runtime_error(text.data());
  }
}

void check(rd_kafka_error_t* error) {
  if (error == nullptr) return;
  const std::string text = rd_kafka_error_string(error);
  rd_kafka_error_destroy(error);
  throw std::runtime_error(text);
}

rd_kafka_headers_t* headers_of(const RawRecord& record) {
  rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers, name.c_str(), -1, value ? value->data() : nullptr,
                        value ? static_cast<ssize_t>(value->size()) : 0);
  }
  return headers;
}

decltype(rd_kafka_vu_t::u.mem) bytes_of(const std::optional<std::string>& text) {
  if (!text) return {nullptr, 0};
  return {const_cast<char*>(text->data()), text->size()};
}

}  // namespace

class RecordProducer::State {
 public:
  State(const std::string& brokers, const std::string& transactional_id) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "linger.ms", "1");
    set(conf, "message.max.bytes", "30000000");
    if (!transactional_id.empty()) set(conf, "transactional.id", transactional_id);
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) static_cast<State*>(self)->failed_ = message->err;
    });
    rd_kafka_conf_set_opaque(conf, this);
    rd_kafka_conf_set_log_cb(conf, nullptr);  // a coordinator that is still loading is retried
    std::array<char, kErrorTextBytes> text{};
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
    if (handle_ == nullptr) throw std::runtime_error(text.data());
    if (!transactional_id.empty()) check(rd_kafka_init_transactions(handle_, kTimeoutMs));
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { rd_kafka_destroy(handle_); }

  void produce(const std::string& topic, std::int32_t partition, const RawRecord& record) {
    std::array<rd_kafka_vu_t, 7> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = topic.c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    parts[1].u.i32 = partition;
    parts[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[2].u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
    parts[3].vtype = RD_KAFKA_VTYPE_KEY;
    parts[3].u.mem = bytes_of(record.key);
    parts[4].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[4].u.mem = bytes_of(record.value);
    parts[5].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    parts[5].u.i64 = record.timestamp_ms;
    parts[6].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[6].u.headers = headers_of(record);
    check(rd_kafka_produceva(handle_, parts.data(), parts.size()));
  }

  rd_kafka_t* handle_ = nullptr;
  rd_kafka_resp_err_t failed_ = RD_KAFKA_RESP_ERR_NO_ERROR;  // set while polling, on the calling thread
};

RecordProducer::RecordProducer(const std::string& brokers, const std::string& transactional_id)
    : state_(std::make_unique<State>(brokers, transactional_id)) {}
RecordProducer::~RecordProducer() = default;

void RecordProducer::send(const std::string& topic, std::int32_t partition,
                          const std::vector<RawRecord>& records) {
  for (const RawRecord& record : records) state_->produce(topic, partition, record);
  // librdkafka looks for the leaders of a new topic once a second; asking for them makes it look now.
  rd_kafka_topic_t* which = rd_kafka_topic_new(state_->handle_, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(state_->handle_, 0, which, &metadata, kTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(metadata);
  }
  rd_kafka_topic_destroy(which);
  const rd_kafka_resp_err_t error = rd_kafka_flush(state_->handle_, kTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(error));
  if (state_->failed_ != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error(rd_kafka_err2str(state_->failed_));
}

void RecordProducer::begin_transaction() { check(rd_kafka_begin_transaction(state_->handle_)); }
void RecordProducer::send_offset(const std::string& group, const std::string& topic, std::int32_t partition,
                                 std::int64_t offset) {
  rd_kafka_topic_partition_list_t* offsets = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(offsets, topic.c_str(), partition)->offset = offset;
  rd_kafka_consumer_group_metadata_t* nobody = rd_kafka_consumer_group_metadata_new(group.c_str());
  rd_kafka_error_t* error =
      rd_kafka_send_offsets_to_transaction(state_->handle_, offsets, nobody, kTimeoutMs);
  rd_kafka_consumer_group_metadata_destroy(nobody);
  rd_kafka_topic_partition_list_destroy(offsets);
  check(error);
}
void RecordProducer::commit_transaction() { check(rd_kafka_commit_transaction(state_->handle_, kTimeoutMs)); }
void RecordProducer::abort_transaction() { check(rd_kafka_abort_transaction(state_->handle_, kTimeoutMs)); }

}  // namespace millrace::support
