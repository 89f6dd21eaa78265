#include "engine/vector_kernels.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace millrace {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kEpsilon = std::numeric_limits<float>::epsilon();
constexpr std::size_t kSizes[] = {1, 7, 15, 16, 17, 31, 33, 128, 257};

// Every instruction set that this processor has.
class VectorKernelsTest : public ::testing::TestWithParam<const VectorKernels*> {
 protected:
  const VectorKernels& kernels = *GetParam();

  std::vector<float> random_floats(std::size_t count) {
    std::vector<float> floats(count);
    for (float& value : floats) value = uniform_(random_);
    return floats;
  }

 private:
  std::mt19937 random_{1};
  std::uniform_real_distribution<float> uniform_{-2.0F, 2.0F};
};

INSTANTIATE_TEST_SUITE_P(Sets, VectorKernelsTest, ::testing::ValuesIn(runnable_vector_kernels()),
                         [](const auto& set) { return std::string(set.param->name); });

TEST_P(VectorKernelsTest, AdamFollowsTheFormulaWithinAFewUnitsInTheLastPlace) {
  for (const std::size_t size : kSizes) {
    std::vector<float> w = random_floats(size), m = random_floats(size), v = random_floats(size);
    std::vector<float> g = random_floats(size);
    for (std::size_t i = 0; i < size; ++i) {
      // Moments and gradients of every magnitude that comes, zero included.
      const float scale = std::pow(10.0F, -static_cast<float>(i % 12));
      m[i] *= scale;
      v[i] = i % 5 == 0 ? 0.0F : std::abs(v[i]) * scale * scale;
      g[i] *= i % 10 == 0 ? 0.0F : scale;
      w[i] = 0.0F;  // so that the update itself is seen
    }
    const auto m0 = m, v0 = v;
    const AdamConstants c = {0.1F, 0.001F, 3e-4F, 1e-7F};
    kernels.adam(c, {w.data(), m.data(), v.data(), g.data()}, size);
    for (std::size_t i = 0; i < size; ++i) {
      const double m1 = m0[i] + (double{g[i]} - m0[i]) * c.one_minus_beta1;
      const double v1 = v0[i] + (double{g[i]} * g[i] - v0[i]) * c.one_minus_beta2;
      const double update = c.step_size * double{m[i]} / (std::sqrt(double{v[i]}) + c.epsilon);
      EXPECT_NEAR(m[i], m1, (std::abs(m0[i]) + std::abs(g[i])) * 2 * kEpsilon);
      EXPECT_NEAR(v[i], v1, (v0[i] + g[i] * g[i]) * 2 * kEpsilon);
      EXPECT_NEAR(w[i], -update, std::abs(update) * 4 * kEpsilon);
    }
  }
}

TEST_P(VectorKernelsTest, AdamKeepsPaddingZeroAndTouchesItsRangeAlone) {
  std::vector<float> w(64), m(64), v(64), g(64);
  g[10] = g[40] = 1.0F;
  kernels.adam({0.1F, 0.001F, 1e-3F, 1e-7F}, {w.data() + 16, m.data() + 16, v.data() + 16, g.data() + 16},
               32);
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(w[i] != 0.0F, i == 40);
    EXPECT_EQ(m[i] != 0.0F, i == 40);
    EXPECT_EQ(v[i] != 0.0F, i == 40);
  }
  EXPECT_LT(w[40], 0.0F);
}

TEST_P(VectorKernelsTest, AdamLetsMomentsEndAtZeroRatherThanDenormal) {
  std::vector<float> w(16), m(16, 1e-37F), v(16, 1e-37F), g(16);
  for (int step = 0; step < 200; ++step) {
    kernels.adam({0.1F, 0.1F, 1e-3F, 1e-7F}, {w.data(), m.data(), v.data(), g.data()}, 16);
  }
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_TRUE(m[i] == 0.0F || std::isnormal(m[i]));
    EXPECT_TRUE(v[i] == 0.0F || std::isnormal(v[i]));
    EXPECT_TRUE(std::isfinite(w[i]));
  }
}

TEST_P(VectorKernelsTest, LargestMagnitudeFindsWhatIsNotFiniteAnywhere) {
  for (const std::size_t size : kSizes) {
    std::vector<float> values = random_floats(size);
    for (std::size_t i = 0; i < size; ++i) {
      const float before = values[i];
      for (const float bad :
           {kNaN, -kNaN, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
        values[i] = bad;
        EXPECT_GE(kernels.largest_magnitude(values.data(), size), 0x7F800000U);
      }
      values[i] = -3.0F;
      EXPECT_EQ(kernels.largest_magnitude(values.data(), size), std::bit_cast<std::uint32_t>(3.0F));
      values[i] = before;
    }
  }
}

TEST_P(VectorKernelsTest, GathersRowsIntoAPanelAndFillsMissingValuesIn) {
  for (const std::size_t features : kSizes) {
    for (const std::size_t count : {1U, 31U, 32U}) {
      std::vector<float> values = random_floats(40 * features), panel(features * 32, 7.0F);
      std::vector<std::uint32_t> rows(count);
      for (std::size_t r = 0; r < count; ++r) rows[r] = static_cast<std::uint32_t>((r * 7 + 3) % 40);
      std::vector<double> substitute(features), shift(features), factor(features);
      for (std::size_t f = 0; f < features; ++f) {
        substitute[f] = 0.75 + static_cast<double>(f);
        shift[f] = 0.5 * static_cast<double>(f);
        factor[f] = 3.0 + static_cast<double>(f);
      }
      for (std::size_t i = 0; i < values.size(); i += 5) values[i] = kNaN;
      kernels.gather_rows({substitute.data(), shift.data(), factor.data(), features}, values.data(),
                          rows.data(), count, panel.data());
      for (std::size_t f = 0; f < features; ++f) {
        for (std::size_t r = 0; r < 32; ++r) {
          const float x = r < count ? values[rows[r] * features + f] : 0.0F;
          const double value = std::isnan(x) ? substitute[f] : double{x};
          ASSERT_EQ(panel[f * 32 + r], r < count ? static_cast<float>((value - shift[f]) * factor[f]) : 0.0F);
        }
      }
    }
  }
}

TEST_P(VectorKernelsTest, LogisticLossIsWithinAFewUnitsInTheLastPlace) {
  std::vector<float> z;
  for (float value = -90; value < 90; value += 0.0371F) z.push_back(value);
  for (const float value : {0.0F, -0.0F, 1e-30F, -1e-10F, 1e-4F, 3e38F, -3e38F}) z.push_back(value);
  constexpr double kTiny = 2e-38;  // e^x counts as zero where it is hardly a normal number
  for (const float label : {0.0F, 0.25F, 1.0F}) {
    const std::vector<float> y(z.size(), label);
    std::vector<float> loss(z.size()), slope(z.size());
    kernels.logistic_loss(z.data(), y.data(), z.size(), loss.data(), slope.data());
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double e = std::exp(-std::abs(double{z[i]}));
      const double parts = std::max(double{z[i]}, 0.0) + std::abs(double{z[i]} * label) + std::log1p(e);
      const double expected = std::max(double{z[i]}, 0.0) - double{z[i]} * label + std::log1p(e);
      EXPECT_NEAR(loss[i], expected, 3 * kEpsilon * parts + kTiny) << z[i];
      const double p = (z[i] >= 0 ? 1.0 : e) / (1.0 + e);
      EXPECT_NEAR(slope[i], p - label, 3 * kEpsilon * (label == 0 ? p : 1) + kTiny) << z[i];
    }
  }
}

TEST_P(VectorKernelsTest, LogisticLossOfWhatIsNotFiniteIsNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> z = {kNaN, -kNaN, kInfinity, kInfinity, -kInfinity, -kInfinity};
  const std::vector<float> y = {0, 1, 0, 1, 0, 1};
  std::vector<float> loss(z.size()), slope(z.size());
  kernels.logistic_loss(z.data(), y.data(), z.size(), loss.data(), slope.data());
  for (const float value : loss) EXPECT_FALSE(std::isfinite(value));
}

}  // namespace
}  // namespace millrace
