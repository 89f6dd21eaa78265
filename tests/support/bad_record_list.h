// A BadRecordSink that keeps what it takes, and does with it what the test says.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "millrace/bad_record_sink.h"

namespace millrace {

class BadRecordList final : public BadRecordSink {
 public:
  struct Taken {
    std::uint32_t partition = 0;
    std::int64_t offset = 0;
    BadRecordReason reason = BadRecordReason::malformed;
    std::string value;
  };

  // Called with each number before it is taken, or waited for; may throw.
  std::function<void(std::uint64_t)> on_take = [](std::uint64_t) {};
  std::function<bool(std::uint64_t)> on_wait = [](std::uint64_t) { return true; };

  std::uint64_t take_async(std::uint32_t partition, const RecordView& record,
                           const DecodeOutcome& outcome) override {
    on_take(taken_.size() + 1);
    taken_.push_back({partition, record.offset, outcome.reason, std::string(record.value)});
    return taken_.size();
  }
  bool wait(std::uint64_t number) override { return on_wait(number); }
  void stop() noexcept override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  void wait_for_stop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_; });
  }

  // Once the stream has ended.
  [[nodiscard]] const std::vector<Taken>& taken() const { return taken_; }

 private:
  std::vector<Taken> taken_;  // owned by the thread that takes
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;  // guarded by mutex_
};

}  // namespace millrace
