#include "kafka/partition_watch.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "millrace/errors.h"

#include "kafka/log_range.h"

namespace millrace {
namespace {

// Of one question; bounds the end of the thread.
constexpr std::chrono::milliseconds kPatience{1000};

// Partitions that were added just now may have no leader yet.
constexpr std::chrono::milliseconds kSoon{250};

}  // namespace

PartitionWatch::PartitionWatch(const Client& client, std::span<const TopicPartition> partitions,
                               std::chrono::milliseconds every, std::function<void()> on_found)
    : client_(client), every_(every), on_found_(std::move(on_found)) {
  for (const TopicPartition& partition : partitions) ++counts_[partition.topic];
  thread_ = std::thread([this] { run(); });
}

PartitionWatch::~PartitionWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

std::vector<PartitionStart> PartitionWatch::take() {
  if (!anything_found_) return {};
  const std::lock_guard lock(mutex_);
  anything_found_ = false;
  return std::exchange(found_, {});
}

void PartitionWatch::run() {
  std::chrono::milliseconds pause = every_;
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, pause, [this] { return stopping_; })) {
    lock.unlock();
    pause = look() ? every_ : std::min(every_, kSoon);
    lock.lock();
  }
}

bool PartitionWatch::look() {
  for (auto& [topic, known] : counts_) {
    const std::int32_t count = client_.partition_count_within(topic, kPatience).value_or(known);
    if (count <= known) continue;
    std::vector<TopicPartition> added;
    for (std::int32_t partition = known; partition < count; ++partition) added.push_back({topic, partition});
    std::vector<LogRange> logs;
    try {
      logs = log_ranges(client_, added, kPatience);
    } catch (const KafkaError& error) {
      spdlog::debug("kafka: new partitions of {}: {}", topic, error.what());
      return false;
    }
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < added.size(); ++i) found_.push_back({added[i], {.offset = logs[i].begin}});
      anything_found_ = true;
    }
    known = count;
    on_found_();
  }
  return true;
}

}  // namespace millrace
