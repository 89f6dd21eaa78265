#include "train/run_health.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace millrace {
namespace {

// What has a length of its own. Opening and replaying depend on what is there, waiting on who writes.
bool may_be_stuck(RunActivity activity) {
  return activity == RunActivity::training || activity == RunActivity::saving;
}

double seconds(RunHealth::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

RunHealth::RunHealth(Clock::time_point now, std::shared_ptr<const BrokerAnswers> answers)
    : answers_(std::move(answers)), since_(now) {}

void RunHealth::begin(RunActivity activity, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (may_be_stuck(activity_)) longest_ = std::max(longest_, now - since_);
  activity_ = activity;
  since_ = now;
}

void RunHealth::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
}

RunHealth::Verdict RunHealth::alive(Clock::time_point now) const {
  constexpr int kTimesLonger = 10;
  const std::lock_guard lock(mutex_);
  const Clock::duration limit = std::max<Clock::duration>(kStuckLimit, kTimesLonger * longest_);
  if (!may_be_stuck(activity_) || now - since_ < limit) return {.good = true, .reason = {}};
  return {
      .good = false,
      .reason = fmt::format("{} has taken {:.0f} s, and never took longer than {:.3g} s before",
                            activity_ == RunActivity::saving ? "writing a checkpoint" : "training a window",
                            seconds(now - since_), seconds(longest_))};
}

RunHealth::Verdict RunHealth::ready(Clock::time_point now) const {
  const std::optional<Clock::duration> silence = answers_->silence(now);
  const std::lock_guard lock(mutex_);
  if (stopping_) return {.good = false, .reason = "the trainer is stopping"};
  if (activity_ == RunActivity::replaying) {
    return {.good = false, .reason = "the journal is being replayed"};
  }
  if (activity_ == RunActivity::starting || !silence) {
    return {.good = false, .reason = "the trainer is starting"};
  }
  if (*silence > kSilenceLimit) {
    return {.good = false,
            .reason = fmt::format("brokers have not answered for {:.0f} s", seconds(*silence))};
  }
  return {.good = true, .reason = {}};
}

}  // namespace millrace
