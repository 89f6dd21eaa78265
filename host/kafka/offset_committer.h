// Tells the broker's group how far the reading came, without ever waiting for it.
// Any thread. A commit that fails harms nothing: it is logged and counted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <librdkafka/rdkafka.h>
#include <span>

#include "millrace/position.h"

#include "kafka/client.h"

namespace millrace {

class OffsetCommitter {
 public:
  // The handle outlives the committer.
  explicit OffsetCommitter(rd_kafka_t* handle);

  void commit_async(std::span<const CommitOffset> offsets);

  // Takes note of the answers that arrived. Does not block.
  void serve();

  // Waits until every commit was answered. False: the time was up before.
  [[nodiscard]] bool settle(std::chrono::milliseconds at_most);

  // Commits, not offsets.
  [[nodiscard]] std::uint64_t committed() const { return committed_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }
  [[nodiscard]] bool settled() const { return outstanding_ == 0; }

 private:
  void take_answer(rd_kafka_event_t* answer);
  void count_failure(rd_kafka_resp_err_t code);

  rd_kafka_t* const handle_;
  const QueueOwner answers_;
  std::atomic<std::uint64_t> committed_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<std::int64_t> outstanding_ = 0;
};

}  // namespace millrace
