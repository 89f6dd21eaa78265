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
  Arrays arrays(20);
  double w = 0.5, m = 0, v = 0;
  for (std::uint64_t t = 1; t <= 2000; ++t) {
    const float g = std::sin(static_cast<float>(t)) * 0.1F + 0.02F;
    arrays.g.assign(20, g);
    vector_kernels().adam(adam_constants({}, t), arrays.view(), 20);
    const auto steps = static_cast<double>(t);
    m += (double{g} - m) * (1 - 0.9);
    v += (double{g} * g - v) * (1 - 0.999);
    w -=
        1e-3 * std::sqrt(1 - std::pow(0.999, steps)) / (1 - std::pow(0.9, steps)) * m / (std::sqrt(v) + 1e-7);
    // Each of t updates rounds the weight once.
    ASSERT_NEAR(arrays.w[19], w, 1e-7 + steps * 1.2e-7) << t;
    ASSERT_NEAR(arrays.v[19], v, v * 1e-5) << t;
  }
}

TEST(Adam, TheLargestGradientIsTheLastThatHasASquare) {
  Arrays arrays(3);
  arrays.g[1] = kLargestGradient;
  vector_kernels().adam(adam_constants({}, 1), arrays.view(), 3);
  EXPECT_TRUE(std::isfinite(arrays.v[1]) && std::isfinite(arrays.w[1]));
  const float larger = std::nextafter(kLargestGradient, std::numeric_limits<float>::infinity());
  EXPECT_FALSE(std::isfinite(larger * larger));
}

}  // namespace
}  // namespace millrace
