// How a run learned, in a bounded number of points, however long it goes on.
//
// Owned by one thread. Invariants: (1) at most kMostPoints points, in order of rows; (2) every point is the
// mean over consecutive windows, weighted by their rows, and stands where the last of them ended; (3) all
// points but the last are means over equally many windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace millrace {

// One window, or several consecutive ones. An undefined metric is NaN and has no part in a mean.
struct CurvePoint {
  std::uint64_t rows = 0;                                      // trained so far, this point's included
  double seconds = 0;                                          // since the run began
  double loss = std::numeric_limits<double>::quiet_NaN();      // prequential, mean
  double accuracy = std::numeric_limits<double>::quiet_NaN();  // prequential
  double auc = std::numeric_limits<double>::quiet_NaN();       // prequential
  double training_loss = std::numeric_limits<double>::quiet_NaN();
};

class LearningCurve {
 public:
  static constexpr std::size_t kMostPoints = 2000;

  // `rows` and `seconds` must not be below those of the point before.
  void add(const CurvePoint& window);

  // Valid until the next add.
  [[nodiscard]] std::span<const CurvePoint> points() const noexcept { return points_; }

 private:
  void halve();

  std::vector<CurvePoint> points_;
  std::uint64_t windows_per_point_ = 1;
  std::uint64_t windows_in_last_ = 0;
};

}  // namespace millrace
