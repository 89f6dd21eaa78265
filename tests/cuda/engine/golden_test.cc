// The CUDA engine against Keras (support/golden.h).
#include "support/golden.h"

#include <gtest/gtest.h>
#include <string>

#include "cuda/engine/test_device.h"

namespace millrace::test {
namespace {

TEST(CudaGoldenParity, IsAtMostTwiceAsFarFromFloat64AsKerasInFloat32) {
  const TestDevice device;
  const auto engine = device_engine(golden_shape(), golden_settings(), golden_settings().batch);
  const auto ratios = golden_ratios(*engine, run_window);
  EXPECT_EQ(ratios.size(), 12U);
  for (const GoldenRatio& one : ratios) {
    RecordProperty(one.what, std::to_string(one.ratio));
    EXPECT_LE(one.ratio, 2.0) << one.what;
  }
}

}  // namespace
}  // namespace millrace::test
