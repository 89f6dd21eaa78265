#include "report/pace.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr double kUsualHorizon = 5;  // seconds
constexpr double kLongestHorizon = 60;
constexpr double kBetweenPoints = 0.1;  // bounds the memory
constexpr double kLeastPast = 0.5;      // before that, nobody can tell when a run will end

}  // namespace

void Pace::take(double seconds, std::uint64_t rows, std::optional<std::uint64_t> left) {
  // A gap fades, so that one long pause does not blur the rates of an hour.
  constexpr double kFading = 0.9;
  longest_gap_ = std::max(seconds - newest_.seconds, longest_gap_ * kFading);
  newest_ = {seconds, rows, left};
  if (seconds < points_.back().seconds + kBetweenPoints) return;
  points_.push_back(newest_);
  while (points_.size() > 2 && points_[1].seconds <= seconds - kLongestHorizon) points_.pop_front();
}

double Pace::horizon() const {
  constexpr double kWindows = 3;
  return std::clamp(kWindows * longest_gap_, kUsualHorizon, kLongestHorizon);
}

// How things stood a horizon ago, or at the beginning.
Pace::Point Pace::past(double seconds) const {
  const double since = seconds - horizon();
  const auto later = std::ranges::upper_bound(points_, since, {}, &Point::seconds);
  if (later == points_.begin()) return points_.front();
  Point then = *std::prev(later);
  then.seconds = since;  // nothing had come between
  return then;
}

double Pace::rows_per_s(double seconds) const {
  const Point then = past(seconds);
  const double passed = seconds - then.seconds;
  return passed > 0 ? static_cast<double>(newest_.rows - std::min(newest_.rows, then.rows)) / passed : 0;
}

std::optional<double> Pace::seconds_left(double seconds) const {
  if (!newest_.left) return std::nullopt;
  if (*newest_.left == 0) return 0.0;
  Point then = past(seconds);
  if (!then.left && points_.size() > 1) then = points_[1];  // the beginning is not told
  const double passed = seconds - then.seconds;
  if (!then.left || *then.left <= *newest_.left || passed < kLeastPast) return std::nullopt;
  const double per_second = static_cast<double>(*then.left - *newest_.left) / passed;
  return static_cast<double>(*newest_.left) / per_second;
}

}  // namespace millrace
