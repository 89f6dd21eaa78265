#include "kafka/broker_pulse.h"

#include <utility>

#include "kafka/log_range.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;

constexpr auto kInterval = 1s;
// Bounds the end of the thread. A leader that always takes longer counts as silent.
constexpr std::chrono::milliseconds kPatience = 2s;

}  // namespace

BrokerPulse::BrokerPulse(rd_kafka_t* handle, std::span<const TopicPartition> partitions,
                         std::shared_ptr<BrokerAnswers> answers)
    : handle_(handle), answers_(std::move(answers)), partitions_(partitions.begin(), partitions.end()) {
  thread_ = std::thread([this] { run(); });
}

BrokerPulse::~BrokerPulse() {
  request_stop();
  thread_.join();
}

void BrokerPulse::request_stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_requested_.notify_one();
}

void BrokerPulse::add(const TopicPartition& partition) {
  const std::lock_guard lock(mutex_);
  partitions_.push_back(partition);
}

void BrokerPulse::run() {
  std::unique_lock lock(mutex_);
  while (!stop_requested_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    const PartitionListOwner list = make_partition_list(partitions_, RD_KAFKA_OFFSET_END);
    lock.unlock();
    ask(list.get());
    lock.lock();
  }
}

void BrokerPulse::ask(rd_kafka_topic_partition_list_t* list) {
  if (rd_kafka_offsets_for_times(handle_, list, static_cast<int>(kPatience.count())) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return;
  }
  std::vector<std::int64_t> ends;
  for (const rd_kafka_topic_partition_t& answer :
       std::span(list->elems, static_cast<std::size_t>(list->cnt))) {
    if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    ends.push_back(answer.offset);
  }
  answers_->heard(BrokerAnswers::Clock::now(), ends);
}

}  // namespace millrace
