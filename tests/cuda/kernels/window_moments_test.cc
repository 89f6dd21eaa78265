// Against the CPU's own standardizer.

#include "cuda/kernels/window_moments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/standardizer.h"
#include "kernel_test.h"
#include "support/sample_window.h"

namespace millrace::cuda {
namespace {

struct Moments {
  std::vector<double> count, mean, m2;
  std::vector<double> substitute, shift, factor;

  bool operator==(const Moments&) const = default;
};

Moments moments_of(const Standardizer& standardizer) {
  const auto& [count, mean, m2] = standardizer.state();
  const auto& [substitute, shift, factor] = standardizer.scaling();
  return {count, mean, m2, substitute, shift, factor};
}

class DeviceStandardizer {
 public:
  DeviceStandardizer(const Moments& begin, bool scales, const Stream& stream)
      : stream_(stream),
        features_(static_cast<std::uint32_t>(begin.count.size())),
        scales_(scales),
        count_(begin.count, stream),
        mean_(begin.mean, stream),
        m2_(begin.m2, stream),
        substitute_(features_, stream),
        shift_(features_, stream),
        factor_(features_, stream) {}

  void take_in(const test::SampleWindow& window) const {
    const OnDevice<float> values(window.values, stream_);
    const OnDevice<std::uint32_t> row_index(window.row_index, stream_);
    StepState state{};
    state.window = {.values = values.data(),
                    .row_index = row_index.data(),
                    .features = features_,
                    .rows = static_cast<std::uint32_t>(window.row_index.size())};
    const OnDevice<StepState> device_state(std::vector{state}, stream_);
    take_in_window_async(features_, scales_, device_state.data(), moments(), scaling(), stream_.view());
  }

  void renew_scaling() const {
    renew_scaling_async(features_, scales_, moments(), scaling(), stream_.view());
  }

  [[nodiscard]] Moments fetch() const {
    return {count_.fetch(), mean_.fetch(), m2_.fetch(), substitute_.fetch(), shift_.fetch(), factor_.fetch()};
  }

 private:
  [[nodiscard]] DeviceMoments moments() const { return {count_.data(), mean_.data(), m2_.data()}; }
  [[nodiscard]] DeviceScaling scaling() const { return {substitute_.data(), shift_.data(), factor_.data()}; }

  const Stream& stream_;
  const std::uint32_t features_;
  const bool scales_;
  OnDevice<double> count_, mean_, m2_;
  OnDevice<double> substitute_, shift_, factor_;
};

Moments empty_moments(std::uint32_t features) {
  const std::vector<double> zeros(features);
  return {zeros, zeros, zeros, {}, {}, {}};
}

// What the device makes of the windows, one after the other.
Moments taken_in(const std::vector<test::SampleWindow>& windows, bool scales) {
  return same_under_each_seed([&](const Stream& stream) {
    const DeviceStandardizer device(empty_moments(windows.front().features), scales, stream);
    for (const test::SampleWindow& window : windows) device.take_in(window);
    return device.fetch();
  });
}

Moments taken_in_by_the_host(const std::vector<test::SampleWindow>& windows, bool scales) {
  Standardizer standardizer(windows.front().features, scales);
  for (const test::SampleWindow& window : windows) standardizer.take_in(window.view());
  return moments_of(standardizer);
}

// Sums in double, in another order: a few last places.
void expect_near(const std::vector<double>& values, const std::vector<double>& expected, const char* what) {
  ASSERT_EQ(values.size(), expected.size()) << what;
  for (std::size_t f = 0; f < values.size(); ++f) {
    EXPECT_NEAR(values[f], expected[f], 1e-10 * std::fabs(expected[f])) << what << " of feature " << f;
  }
}

void expect_near(const Moments& moments, const Moments& expected) {
  EXPECT_EQ(moments.count, expected.count);
  expect_near(moments.mean, expected.mean, "mean");
  expect_near(moments.m2, expected.m2, "m2");
  expect_near(moments.substitute, expected.substitute, "substitute");
  expect_near(moments.shift, expected.shift, "shift");
  expect_near(moments.factor, expected.factor, "factor");
}

// Feature 0 never varies, 1 is far from zero, 2 is infinite at times, 3 is never there.
test::SampleWindow unusual_window(std::uint64_t index, std::uint32_t rows) {
  test::SampleWindow window(index, rows, 5, 0.3);
  for (std::uint32_t i = 0; i < rows; ++i) {
    float* values = window.values.data() + std::size_t{window.row_index[i]} * 5;
    values[0] = 0.1F;
    values[1] = 1e6F + values[1];
    if (i % 7 == 1) values[2] = i % 2 == 0 ? HUGE_VALF : -HUGE_VALF;
    values[3] = std::numeric_limits<float>::quiet_NaN();
  }
  return window;
}

TEST(WindowMoments, AreTheHostsAfterEachWindow) {
  for (const std::uint32_t rows : {1U, 31U, 33U, 257U, 5000U}) {
    SCOPED_TRACE(std::to_string(rows) + " rows");
    std::vector<test::SampleWindow> windows;
    for (std::uint64_t index = 0; index < 3; ++index) {
      windows.emplace_back(index, rows + static_cast<std::uint32_t>(index), 9, 0.2);
      expect_near(taken_in(windows, true), taken_in_by_the_host(windows, true));
    }
  }
}

TEST(WindowMoments, AreTheHostsForValuesThatAreConstantFarOffInfiniteOrNeverThere) {
  for (const std::uint32_t rows : kOddRows) {
    SCOPED_TRACE(std::to_string(rows) + " rows");
    const std::vector windows = {unusual_window(0, rows), unusual_window(1, 100)};
    expect_near(taken_in(windows, true), taken_in_by_the_host(windows, true));
  }
}

TEST(WindowMoments, LeaveAFeatureThatNeverVariedItsSize) {
  const Moments moments = taken_in({unusual_window(0, 257), unusual_window(1, 31)}, true);
  EXPECT_EQ(moments.factor.at(0), 1.0);
}

TEST(WindowMoments, StayWhatTheyWereWhereAFeatureWasMissingThroughout) {
  test::SampleWindow nothing(1, 33, 9);
  std::fill(nothing.values.begin(), nothing.values.end(), std::numeric_limits<float>::quiet_NaN());
  const test::SampleWindow before(0, 257, 9, 0.2);
  EXPECT_TRUE(taken_in({before, nothing}, true) == taken_in({before}, true));
}

TEST(WindowMoments, GiveOnlySubstitutesWhereFeaturesPassAsTheyAre) {
  const std::vector windows = {test::SampleWindow(0, 33, 9, 0.2), test::SampleWindow(1, 31, 9, 0.2)};
  const Moments moments = taken_in(windows, false);
  expect_near(moments, taken_in_by_the_host(windows, false));
  EXPECT_EQ(moments.shift, std::vector<double>(9, 0.0));
  EXPECT_EQ(moments.factor, std::vector<double>(9, 1.0));
}

TEST(WindowMoments, GiveTheScalingAnewWhenTheyAreRestored) {
  for (const std::uint32_t features : {1U, 31U, 257U}) {
    for (const bool scales : {true, false}) {
      SCOPED_TRACE(std::to_string(features) + " features");
      Standardizer host(features, scales);
      host.take_in(test::SampleWindow(3, 33, features, 0.2).view());
      const Moments expected = moments_of(host);
      const Moments moments = same_under_each_seed([&](const Stream& stream) {
        const DeviceStandardizer device(expected, scales, stream);
        device.renew_scaling();
        return device.fetch();
      });
      expect_near(moments, expected);
    }
  }
}

}  // namespace
}  // namespace millrace::cuda
