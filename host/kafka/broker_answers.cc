#include "kafka/broker_answers.h"

#include <algorithm>

namespace millrace {

void BrokerAnswers::heard(Clock::time_point now, std::span<const std::int64_t> log_ends) {
  const std::lock_guard lock(mutex_);
  heard_at_ = now;
  log_ends_.assign(log_ends.begin(), log_ends.end());
}

std::optional<BrokerAnswers::Clock::duration> BrokerAnswers::silence(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  if (!heard_at_) return std::nullopt;
  return std::max(now - *heard_at_, Clock::duration::zero());
}

std::vector<std::int64_t> BrokerAnswers::log_ends() const {
  const std::lock_guard lock(mutex_);
  return log_ends_;
}

}  // namespace millrace
