// How fast a run goes now, rather than on the whole: over its newest seconds. A stream that stands still
// comes to 0 within them.
//
// One thread. Where windows take longer than those seconds, it looks back on the newest three.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

namespace millrace {

class Pace {
 public:
  // Later than before, or at the same time. `left`: what is to be done until the run ends by itself.
  void take(double seconds, std::uint64_t rows, std::optional<std::uint64_t> left = {});

  // At a moment since the newest point.
  [[nodiscard]] double rows_per_s(double seconds) const;
  // Null: there is no end, or nothing says yet when it comes.
  [[nodiscard]] std::optional<double> seconds_left(double seconds) const;

 private:
  struct Point {
    double seconds = 0;
    std::uint64_t rows = 0;
    std::optional<std::uint64_t> left;
  };

  [[nodiscard]] double horizon() const;
  [[nodiscard]] Point past(double seconds) const;

  std::deque<Point> points_{{}};  // spaced, the oldest first; a run begins with nothing at 0 s
  Point newest_;
  double longest_gap_ = 0;  // between the newest windows
};

}  // namespace millrace
