#include "engine/standardizer.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "support/sample_window.h"

namespace millrace {
namespace {

using test::SampleWindow;
using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::Each;

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

SampleWindow column(std::vector<float> values) {
  SampleWindow window(0, static_cast<std::uint32_t>(values.size()), 1);
  for (std::size_t i = 0; i < values.size(); ++i) window.values[window.row_index[i]] = values[i];
  return window;
}

TEST(Standardizer, HoldsTheMomentsOfAllWindowsTogether) {
  Standardizer standardizer(5, true);
  std::vector<std::vector<long double>> seen(5);
  for (const std::uint32_t rows : {1U, 31U, 2U, 257U}) {
    const SampleWindow window(rows, rows, 5, 0.2);
    standardizer.take_in(window.view());
    for (const std::uint32_t row : window.row_index) {
      for (std::size_t f = 0; f < 5; ++f) {
        const float value = window.values[row * 5 + f];
        if (!std::isnan(value)) seen[f].push_back(value);
      }
    }
  }
  for (std::size_t f = 0; f < 5; ++f) {
    long double mean = 0, m2 = 0;
    for (const long double value : seen[f]) mean += value / static_cast<long double>(seen[f].size());
    for (const long double value : seen[f]) m2 += (value - mean) * (value - mean);
    EXPECT_EQ(standardizer.state().count[f], static_cast<double>(seen[f].size()));
    EXPECT_NEAR(standardizer.state().mean[f], static_cast<double>(mean), 1e-13);
    EXPECT_NEAR(standardizer.state().m2[f], static_cast<double>(m2), 1e-11);
  }
}

TEST(Standardizer, KeepsTheVarianceOfValuesFarFromZero) {
  Standardizer standardizer(1, true);
  for (int window = 0; window < 100; ++window)
    standardizer.take_in(column({1e7F, 1e7F + 1, 1e7F + 2}).view());
  EXPECT_THAT(standardizer.state().m2[0], DoubleNear(200.0, 1e-6));
  EXPECT_THAT(standardizer.scaling().factor[0], DoubleNear(1.0 / std::sqrt(2.0 / 3.0), 1e-9));
}

TEST(Standardizer, LeavesMissingAndInfiniteValuesOut) {
  Standardizer standardizer(1, true);
  standardizer.take_in(column({kMissing, 1, std::numeric_limits<float>::infinity(), 3, kMissing}).view());
  EXPECT_EQ(standardizer.state().count[0], 2.0);
  EXPECT_EQ(standardizer.state().mean[0], 2.0);
  EXPECT_EQ(standardizer.state().m2[0], 2.0);
}

TEST(Standardizer, HasMeanZeroAndFactorOneBeforeAnyValue) {
  Standardizer standardizer(2, true);
  EXPECT_THAT(standardizer.scaling().substitute, Each(0.0));
  EXPECT_THAT(standardizer.scaling().factor, Each(1.0));
  SampleWindow window(0, 7, 2);
  window.values.assign(window.values.size(), kMissing);
  standardizer.take_in(window.view());
  EXPECT_THAT(standardizer.scaling().substitute, Each(0.0));
  EXPECT_THAT(standardizer.scaling().factor, Each(1.0));
}

TEST(Standardizer, ScalesAFeatureThatNeverVariesByOne) {
  Standardizer standardizer(1, true);
  for (int window = 0; window < 10; ++window) standardizer.take_in(column({0.1F, 0.1F, 0.1F}).view());
  EXPECT_EQ(standardizer.scaling().factor[0], 1.0);
  EXPECT_THAT(standardizer.scaling().shift[0], DoubleEq(0.1F));
}

TEST(Standardizer, WithoutScalingOnlyFillsMissingValuesIn) {
  Standardizer standardizer(1, false);
  standardizer.take_in(column({2, 4, 6}).view());
  EXPECT_EQ(standardizer.scaling().substitute[0], 4.0);
  EXPECT_EQ(standardizer.scaling().shift[0], 0.0);
  EXPECT_EQ(standardizer.scaling().factor[0], 1.0);
}

TEST(Standardizer, GoesOnFromARestoredStateAsIfNeverStopped) {
  Standardizer uninterrupted(3, true);
  uninterrupted.take_in(SampleWindow(1, 50, 3, 0.1).view());
  Standardizer restored(3, true);
  restored.restore(uninterrupted.state());
  EXPECT_EQ(restored.scaling().factor, uninterrupted.scaling().factor);
  uninterrupted.take_in(SampleWindow(2, 33, 3, 0.1).view());
  restored.take_in(SampleWindow(2, 33, 3, 0.1).view());
  EXPECT_EQ(restored.state(), uninterrupted.state());
}

}  // namespace
}  // namespace millrace
