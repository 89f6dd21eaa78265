#include "report/live_line.h"

#include "report/figures.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;

// How long the line may be wrong.
constexpr auto kBetweenLooks = 500ms;

}  // namespace

LiveLine::LiveLine(Progress& progress)
    : progress_(progress), keeper_([this](const std::stop_token& stop) { keep_true(stop); }) {}

void LiveLine::take(const ProgressSample& sample, std::optional<std::uint64_t> left) {
  const std::lock_guard lock(mutex_);
  pace_.take(sample.seconds, sample.rows, left);
  newest_ = sample;
  newest_->has_end = left.has_value();
  newest_at_ = Clock::now();
  show(sample.seconds);
}

void LiveLine::show(double seconds) {
  ProgressSample sample = *newest_;
  sample.seconds = seconds;
  sample.rows_per_s = pace_.rows_per_s(seconds);
  sample.seconds_left = pace_.seconds_left(seconds);
  progress_.update(sample);
}

void LiveLine::keep_true(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, stop, kBetweenLooks, [&] { return stop.stop_requested(); })) {
    const auto since = Clock::now() - newest_at_;
    if (newest_ && since >= kBetweenLooks)
      show(newest_->seconds + std::chrono::duration<double>(since).count());
  }
}

void LiveLine::finish(ProgressSample sample) {
  keeper_.request_stop();
  if (keeper_.joinable()) keeper_.join();
  if (!newest_) return;
  sample.rows_per_s = per_second(sample.rows, sample.seconds);
  sample.has_end = false;
  progress_.finish(sample);
}

}  // namespace millrace
