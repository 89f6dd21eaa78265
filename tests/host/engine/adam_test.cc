#include "engine/adam.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

namespace millrace {
namespace {

struct Arrays {
  std::vector<float> w, m, v, g;
  explicit Arrays(std::size_t size) : w(size, 0.5F), m(size), v(size), g(size, 0.01F) {}
  AdamArrays view() { return {w.data(), m.data(), v.data(), g.data()}; }
};

// The update of Keras 3, in double.
TEST(Adam, FollowsKerasForManySteps) {
  Adam adam(TrainingSettings{});
  Arrays arrays(20);
  double w = 0.5, m = 0, v = 0;
  for (int t = 1; t <= 2000; ++t) {
    const float g = std::sin(static_cast<float>(t)) * 0.1F + 0.02F;
    arrays.g.assign(20, g);
    ASSERT_TRUE(adam.update(arrays.view(), 20));
    m += (double{g} - m) * (1 - 0.9);
    v += (double{g} * g - v) * (1 - 0.999);
    w -= 1e-3 * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t)) * m / (std::sqrt(v) + 1e-7);
    // Each of t updates rounds the weight once.
    ASSERT_NEAR(arrays.w[19], w, 1e-7 + t * 1.2e-7) << t;
    ASSERT_NEAR(arrays.v[19], v, v * 1e-5) << t;
  }
  EXPECT_EQ(adam.step(), 2000U);
}

TEST(Adam, TouchesNothingAndCountsNothingWhenAGradientIsNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // 2^64 is finite, but its square is not.
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 0x1p64F}) {
    Adam adam(TrainingSettings{});
    Arrays arrays(100);
    ASSERT_TRUE(adam.update(arrays.view(), 100));
    const Arrays before = arrays;
    arrays.g[57] = bad;
    EXPECT_FALSE(adam.update(arrays.view(), 100));
    EXPECT_EQ(arrays.w, before.w);
    EXPECT_EQ(arrays.m, before.m);
    EXPECT_EQ(arrays.v, before.v);
    EXPECT_EQ(adam.step(), 1U);
  }
}

TEST(Adam, TakesTheLargestGradientThatHasASquare) {
  Adam adam(TrainingSettings{});
  Arrays arrays(3);
  arrays.g[1] = std::nextafter(0x1p64F, 0.0F);
  EXPECT_TRUE(adam.update(arrays.view(), 3));
  EXPECT_TRUE(std::isfinite(arrays.v[1]) && std::isfinite(arrays.w[1]));
}

}  // namespace
}  // namespace millrace
