// Looks for partitions that are added to topics while they are read.
//
// A thread of its own asks for the topics' metadata and for the beginnings of what is new, so that no reader
// waits for the answers. Owned by the source. The reading thread calls `take`. A cluster that does not answer
// is asked again in time; an error ends nothing.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "millrace/position.h"

#include "kafka/client.h"

namespace millrace {

class PartitionWatch {
 public:
  // The client outlives it. `partitions` are known; `on_found` is called on the thread of its own.
  PartitionWatch(const Client& client, std::span<const TopicPartition> partitions,
                 std::chrono::milliseconds every, std::function<void()> on_found);
  PartitionWatch(const PartitionWatch&) = delete;
  PartitionWatch& operator=(const PartitionWatch&) = delete;
  ~PartitionWatch();  // within kPatience

  // What was found since the last call, with the beginnings of the logs. Locks only where there is something.
  [[nodiscard]] std::vector<PartitionStart> take();

 private:
  void run();
  // Whether all that is there is known.
  bool look();

  const Client& client_;
  const std::chrono::milliseconds every_;
  const std::function<void()> on_found_;
  std::map<std::string, std::int32_t> counts_;  // partitions by topic; owned by the thread

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;              // guarded by mutex_
  std::vector<PartitionStart> found_;  // guarded by mutex_
  std::atomic<bool> anything_found_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace millrace
