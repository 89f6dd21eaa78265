#include "report/feature_drift.h"

#include <gtest/gtest.h>
#include <limits>
#include <numeric>
#include <vector>

namespace millrace {
namespace {

// Shows one window of rows with two features each.
void show(DriftMeter& meter, const std::vector<float>& values) {
  const auto rows = static_cast<std::uint32_t>(values.size() / 2);
  std::vector<std::uint32_t> index(rows);
  std::iota(index.begin(), index.end(), 0U);
  meter.take(WindowView{
      .rows = rows, .slot_rows = rows, .features = 2, .values = values.data(), .row_index = index.data()});
}

TEST(DriftMeter, TellsTheFarthestFeatureFirst) {
  DriftMeter meter({"age", "amount"});
  meter.take(StandardizerState{.count = {4, 4}, .mean = {10, 5}, .m2 = {16, 4}});  // deviations 2 and 1
  show(meter, {10, 2, 12, 4});
  const std::vector<FeatureDrift> drift = meter.drift();
  ASSERT_EQ(drift.size(), 2U);
  EXPECT_EQ(drift[0].name, "amount");
  EXPECT_DOUBLE_EQ(drift[0].newest_mean, 3);
  EXPECT_DOUBLE_EQ(drift[0].deviations, -2);
  EXPECT_DOUBLE_EQ(drift[1].deviations, 0.5);
}

TEST(DriftMeter, LeavesMissingValuesOut) {
  DriftMeter meter;
  meter.take(StandardizerState{.count = {4, 0}, .mean = {10, 0}, .m2 = {16, 0}});
  const float missing = std::numeric_limits<float>::quiet_NaN();
  show(meter, {missing, missing, 14, missing});
  const std::vector<FeatureDrift> drift = meter.drift();
  ASSERT_EQ(drift.size(), 1U) << "the second feature was never there";
  EXPECT_EQ(drift[0].name, "1");
  EXPECT_DOUBLE_EQ(drift[0].deviations, 2);
}

TEST(DriftMeter, ForgetsAllButTheNewestWindows) {
  DriftMeter meter;
  meter.take(StandardizerState{.count = {4, 4}, .mean = {0, 0}, .m2 = {4, 4}});
  show(meter, {1000, 1000});
  for (std::size_t window = 0; window < DriftMeter::kWindows; ++window) show(meter, {1, 1});
  EXPECT_DOUBLE_EQ(meter.drift().front().newest_mean, 1);
}

TEST(DriftMeter, SaysNothingBeforeItKnowsBoth) {
  DriftMeter meter;
  show(meter, {1, 1});
  EXPECT_TRUE(meter.drift().empty());
}

}  // namespace
}  // namespace millrace
