#include "report/learning_curve.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace millrace {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(LearningCurve, KeepsAShortRunAsItWas) {
  LearningCurve curve;
  EXPECT_TRUE(curve.points().empty());
  for (std::uint64_t i = 1; i <= LearningCurve::kMostPoints; ++i) {
    curve.add({.rows = 32 * i,
               .seconds = 0.1 * static_cast<double>(i),
               .loss = 1.0 / static_cast<double>(i),
               .accuracy = 0.5,
               .auc = kNan,
               .training_loss = 0.25});
  }
  ASSERT_EQ(curve.points().size(), LearningCurve::kMostPoints);
  EXPECT_EQ(curve.points()[6].rows, 224U);
  EXPECT_DOUBLE_EQ(curve.points()[6].loss, 1.0 / 7);
  EXPECT_DOUBLE_EQ(curve.points()[6].training_loss, 0.25);
  EXPECT_TRUE(std::isnan(curve.points()[6].auc));
}

// Whatever the length: bounded, in order, ending where the run does, and with the same mean over all rows.
TEST(LearningCurve, ThinsItselfWithoutLosingTheMean) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> unit(0, 1);
  LearningCurve curve;
  std::uint64_t rows = 0;
  double loss_sum = 0;
  double least = 1;
  double most = 0;
  for (std::uint64_t window = 1; window <= 50'000; ++window) {
    const std::uint64_t window_rows = 1 + random() % 256;
    rows += window_rows;
    const double loss = unit(random);
    loss_sum += loss * static_cast<double>(window_rows);
    least = std::min(least, loss);
    most = std::max(most, loss);
    curve.add({.rows = rows,
               .seconds = static_cast<double>(window),
               .loss = loss,
               .accuracy = loss,
               .auc = loss,
               .training_loss = loss});
    const auto points = curve.points();
    ASSERT_LE(points.size(), LearningCurve::kMostPoints);
    ASSERT_EQ(points.back().rows, rows);
    ASSERT_EQ(points.back().seconds, static_cast<double>(window));
    if (window % 997 != 0) continue;
    ASSERT_GE(points.size(), std::min<std::uint64_t>(window, LearningCurve::kMostPoints / 2));
    double sum = 0;
    std::uint64_t before = 0;
    for (const CurvePoint& point : points) {
      ASSERT_GT(point.rows, before);
      ASSERT_TRUE(point.loss >= least && point.loss <= most);
      sum += point.loss * static_cast<double>(point.rows - before);
      before = point.rows;
    }
    ASSERT_NEAR(sum, loss_sum, loss_sum * 1e-9);
  }
}

TEST(LearningCurve, LeavesUndefinedMetricsOutOfTheMeans) {
  LearningCurve curve;
  for (std::uint64_t i = 1; i <= 3 * LearningCurve::kMostPoints; ++i) {
    curve.add({.rows = i,
               .seconds = 0,
               .loss = i % 2 == 0 ? 0.5 : kNan,
               .accuracy = kNan,
               .auc = 0.75,
               .training_loss = kNan});
  }
  for (const CurvePoint& point : curve.points()) {
    EXPECT_DOUBLE_EQ(point.loss, 0.5);
    EXPECT_DOUBLE_EQ(point.auc, 0.75);
    EXPECT_TRUE(std::isnan(point.accuracy));
  }
}

}  // namespace
}  // namespace millrace
