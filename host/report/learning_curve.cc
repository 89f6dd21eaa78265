#include "report/learning_curve.h"

#include <cmath>

namespace millrace {
namespace {

double mean(double first, double first_rows, double second, double second_rows) {
  if (std::isnan(first)) return second;
  if (std::isnan(second)) return first;
  const double rows = first_rows + second_rows;
  return rows > 0 ? (first * first_rows + second * second_rows) / rows : (first + second) / 2;
}

// Both points together; the rows before `first` tell how many rows each of them stands for.
CurvePoint merged(std::uint64_t rows_before, const CurvePoint& first, const CurvePoint& second) {
  const auto first_rows = static_cast<double>(first.rows - rows_before);
  const auto second_rows = static_cast<double>(second.rows - first.rows);
  const auto mean_of = [&](double CurvePoint::*value) {
    return mean(first.*value, first_rows, second.*value, second_rows);
  };
  return {.rows = second.rows,
          .seconds = second.seconds,
          .loss = mean_of(&CurvePoint::loss),
          .accuracy = mean_of(&CurvePoint::accuracy),
          .auc = mean_of(&CurvePoint::auc),
          .training_loss = mean_of(&CurvePoint::training_loss)};
}

}  // namespace

void LearningCurve::add(const CurvePoint& window) {
  if (!points_.empty() && windows_in_last_ < windows_per_point_) {
    const std::uint64_t rows_before = points_.size() > 1 ? points_[points_.size() - 2].rows : 0;
    points_.back() = merged(rows_before, points_.back(), window);
    ++windows_in_last_;
    return;
  }
  if (points_.size() == kMostPoints) halve();
  points_.push_back(window);
  windows_in_last_ = 1;
}

void LearningCurve::halve() {
  static_assert(kMostPoints % 2 == 0, "every point has a partner");
  std::uint64_t rows_before = 0;
  for (std::size_t pair = 0; pair < kMostPoints / 2; ++pair) {
    const CurvePoint both = merged(rows_before, points_[2 * pair], points_[2 * pair + 1]);
    points_[pair] = both;
    rows_before = both.rows;
  }
  points_.resize(kMostPoints / 2);
  windows_per_point_ *= 2;
}

}  // namespace millrace
