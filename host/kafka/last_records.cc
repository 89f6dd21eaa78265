#include "kafka/last_records.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "kafka/consumer.h"
#include "kafka/fetch_limits.h"
#include "kafka/fingerprint.h"
#include "kafka/message_view.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kOperation = "looking at the last records that were read";
constexpr int kPollMs = 100;

// One record of each partition is wanted: little is fetched ahead.
KafkaProperties small_fetches() {
  return {{"check.crcs", "true"}, {"fetch.wait.max.ms", "100"}, {"max.partition.fetch.bytes", "65536"}};
}
constexpr FetchLimits kLittleAhead{.messages = 1, .kilobytes = 1024};

bool is_out_of_range(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

class Lookup {
 public:
  explicit Lookup(std::span<const LastRecord> records) : records_(records), answered_(records.size()) {}

  [[nodiscard]] bool done() const { return answers_ == records_.size(); }
  [[nodiscard]] std::vector<std::size_t> take_replaced() { return std::move(replaced_); }

  void take(const rd_kafka_message_t& message) {
    const std::string_view topic = message.rkt != nullptr ? rd_kafka_topic_name(message.rkt) : "";
    const auto found = std::ranges::find_if(records_, [&](const LastRecord& record) {
      return record.partition.partition == message.partition && record.partition.topic == topic;
    });
    const bool is_record = message.err == RD_KAFKA_RESP_ERR_NO_ERROR;
    // Retention may take the record at this very moment: then it is absent.
    const bool is_answer =
        is_record || message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF || is_out_of_range(message.err);
    if (!is_answer && !consumer_recovers_from(message.err)) {
      kafka_check(message.err, kOperation, rd_kafka_message_errstr(&message), std::string(topic),
                  message.partition);
    }
    if (!is_answer || found == records_.end()) return;
    const auto index = static_cast<std::size_t>(found - records_.begin());
    if (answered_[index]) return;
    answered_[index] = true;
    ++answers_;
    const bool is_there = is_record && message.offset == found->fingerprint.offset;
    if (is_there && fingerprint_of(view_of(message)) != found->fingerprint) replaced_.push_back(index);
  }

 private:
  const std::span<const LastRecord> records_;
  std::vector<bool> answered_;
  std::size_t answers_ = 0;
  std::vector<std::size_t> replaced_;
};

}  // namespace

std::vector<std::size_t> replaced_records(const ClientSettings& settings,
                                          std::span<const LastRecord> records) {
  if (records.empty()) return {};
  const Client client(ClientRole::consumer, settings, small_fetches(), consumer_properties({}, kLittleAhead));
  kafka_check(rd_kafka_poll_set_consumer(client.handle()), kOperation);
  const PartitionListOwner list(rd_kafka_topic_partition_list_new(static_cast<int>(records.size())));
  for (const auto& [partition, fingerprint] : records) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
        fingerprint.offset;
  }
  kafka_check(rd_kafka_assign(client.handle(), list.get()), kOperation);

  Lookup lookup(records);
  const Clock::time_point deadline = Clock::now() + client.timeout();
  while (!lookup.done()) {
    if (Clock::now() >= deadline || client.errors().hopeless()) {
      throw client.no_answer(RD_KAFKA_RESP_ERR__TIMED_OUT, kOperation);
    }
    const MessageOwner message(rd_kafka_consumer_poll(client.handle(), kPollMs));
    if (message) lookup.take(*message);
  }
  return lookup.take_replaced();
}

}  // namespace millrace
