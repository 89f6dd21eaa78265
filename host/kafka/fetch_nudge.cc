#include "kafka/fetch_nudge.h"

#include <algorithm>
#include <chrono>

#include "kafka/client.h"

namespace millrace {
namespace {

constexpr std::size_t kNudgesPerLimit = 4;

// The request itself wakes the fetcher; its answer is of no use. Bounds the end of the thread.
constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

FetchNudge::FetchNudge(rd_kafka_t* handle, std::span<const TopicPartition> partitions,
                       const FetchLimits& limits)
    : handle_(handle),
      limit_messages_(static_cast<std::size_t>(limits.messages)),
      limit_bytes_(static_cast<std::size_t>(limits.kilobytes) * 1024),
      nudge_messages_(std::max<std::size_t>(1, limit_messages_ / kNudgesPerLimit)),
      nudge_bytes_(limit_bytes_ / kNudgesPerLimit),
      taken_(partitions.size()),
      partitions_(partitions.begin(), partitions.end()),
      is_wanted_(partitions.size()) {
  wanted_.reserve(partitions.size());
  thread_ = std::thread([this] { run(); });
}

FetchNudge::~FetchNudge() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  requested_.notify_one();
  thread_.join();
}

void FetchNudge::add(const TopicPartition& partition) {
  taken_.emplace_back();
  const std::lock_guard lock(mutex_);
  partitions_.push_back(partition);
  is_wanted_.push_back(false);
}

bool FetchNudge::may_have_been_full(const Taken& taken, std::size_t waiting) const {
  // What waits is taken to be twice as large as what was taken, as nobody tells its payload.
  const std::size_t mean_bytes = 1 + taken.payload_bytes / std::max<std::size_t>(1, taken.messages);
  return taken.messages + waiting >= limit_messages_ ||
         taken.payload_bytes + 2 * waiting * mean_bytes >= limit_bytes_;
}

void FetchNudge::request(std::size_t index) {
  {
    const std::lock_guard lock(mutex_);
    if (is_wanted_[index]) return;
    is_wanted_[index] = true;
    wanted_.push_back(index);
  }
  requested_.notify_one();
}

void FetchNudge::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    requested_.wait(lock, [this] { return stopping_ || !wanted_.empty(); });
    if (stopping_) return;
    const PartitionListOwner list(rd_kafka_topic_partition_list_new(static_cast<int>(wanted_.size())));
    for (const std::size_t index : wanted_) {
      const TopicPartition& partition = partitions_[index];
      rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
          RD_KAFKA_OFFSET_END;
      is_wanted_[index] = false;
    }
    wanted_.clear();
    lock.unlock();
    static_cast<void>(rd_kafka_offsets_for_times(handle_, list.get(), static_cast<int>(kPatience.count())));
    lock.lock();
  }
}

}  // namespace millrace
