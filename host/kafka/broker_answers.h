// What is known of the brokers while a run goes on: when the leaders of all partitions last answered, and
// where the logs end. Told by a BrokerPulse, read by whoever watches; outlives the source. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace millrace {

class BrokerAnswers {
 public:
  using Clock = std::chrono::steady_clock;

  // Every leader answered. The first time: reading begins.
  void heard(Clock::time_point now, std::span<const std::int64_t> log_ends);

  // How long some leader has been silent. Null: reading has not begun.
  [[nodiscard]] std::optional<Clock::duration> silence(Clock::time_point now) const;
  // By partition index, as last heard; empty before reading begins.
  [[nodiscard]] std::vector<std::int64_t> log_ends() const;

 private:
  mutable std::mutex mutex_;
  std::optional<Clock::time_point> heard_at_;  // guarded by mutex_
  std::vector<std::int64_t> log_ends_;         // guarded by mutex_
};

}  // namespace millrace
