// Keeps librdkafka fetching.
//
// A partition whose queue is full is left out of fetches, and librdkafka 2.0.2 looks again only after a
// second, however soon the queue was drained (fetch.queue.backoff.ms came with 2.2). Anything that is sent to
// the partition's leader makes it look at once. So the reader reports what it took, and each time that this
// comes to a quarter of a limit, and the queue may have been full in the meantime, a side thread asks the
// leader for an offset. An answer is not needed.
//
// Owned by the source. `took` is for the one thread that reads; it allocates nothing and, between nudges,
// locks nothing.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <librdkafka/rdkafka.h>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "millrace/position.h"

#include "kafka/fetch_limits.h"

namespace millrace {

class FetchNudge {
 public:
  // The handle outlives it.
  FetchNudge(rd_kafka_t* handle, std::span<const TopicPartition> partitions, const FetchLimits& limits);
  FetchNudge(const FetchNudge&) = delete;
  FetchNudge& operator=(const FetchNudge&) = delete;
  ~FetchNudge();  // within kPatience

  // One more partition, of the next index. For the thread that reads.
  void add(const TopicPartition& partition);

  // From the partition's queue.
  void took(std::size_t index, std::size_t messages, std::size_t payload_bytes, rd_kafka_queue_t* queue) {
    Taken& taken = taken_[index];
    taken.messages += messages;
    taken.payload_bytes += payload_bytes;
    if (taken.messages < nudge_messages_ && taken.payload_bytes < nudge_bytes_) return;
    if (may_have_been_full(taken, rd_kafka_queue_length(queue))) request(index);
    taken = {};
  }

 private:
  struct Taken {
    std::size_t messages = 0;
    std::size_t payload_bytes = 0;
  };

  // Since the last time: no more can have waited at once than what was taken and what is waiting still.
  [[nodiscard]] bool may_have_been_full(const Taken& taken, std::size_t waiting) const;
  void request(std::size_t index);
  void run();

  rd_kafka_t* const handle_;
  const std::size_t limit_messages_;
  const std::size_t limit_bytes_;
  const std::size_t nudge_messages_;
  const std::size_t nudge_bytes_;
  std::vector<Taken> taken_;  // since the last nudge; owned by the reading thread

  std::mutex mutex_;
  std::condition_variable requested_;
  std::vector<TopicPartition> partitions_;  // guarded by mutex_
  std::vector<std::size_t> wanted_;         // indices, each once; guarded by mutex_
  std::vector<bool> is_wanted_;             // guarded by mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::thread thread_;                      // last: it uses all of the above
};

}  // namespace millrace
