// The measuring of bench/gpu, on the emulated device and its clock.
#include "bench/gpu/step_measure.h"

#include <gtest/gtest.h>

#include "millrace/errors.h"

#include "support/emulated_device/cublaslt.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace::bench {
namespace {

const Measuring kSmall{.shape = {{8, 16, 8, 1}}, .epochs = 1, .windows = 2, .least_rows = 64};

StepCost cost_of(const StepCase& one, const Measuring& measuring = kSmall) {
  const emulated::EmulatedDevice device;
  return measure_step(one, measuring, emulated::emulated_cublaslt());
}

TEST(StepBench, MeasuresWindowsOfEightTo256Steps) {
  const Measuring measuring;
  EXPECT_EQ(measuring.window_rows(32), 32U * 256);
  EXPECT_EQ(measuring.window_rows(1024), 65'536U);
  EXPECT_EQ(measuring.window_rows(65'536), 65'536U * 8);
}

TEST(StepBench, CountsTheOperationsOfTheDefaultNetwork) {
  EXPECT_EQ(flop_per_row(Measuring{}.shape), 398'592);
}

TEST(StepBench, TimesAStepByTheDevicesClock) {
  const StepCost cost = cost_of({.batch = 16});
  EXPECT_EQ(cost.steps, 8U);
  EXPECT_GT(cost.best_us, 0.0);
  EXPECT_GE(cost.median_us, cost.best_us);
}

TEST(StepBench, TakesMoreForAStepOfMoreRows) {
  EXPECT_GT(cost_of({.batch = 64}).best_us, cost_of({.batch = 8}).best_us);
}

// The default network's: one kernel for each of its twelve launches.
TEST(StepBench, CountsTheKernelsBehindAStep) {
  Measuring measuring = kSmall;
  measuring.shape.widths = {8, 16, 16, 8, 1};
  for (const MathMode math : {MathMode::fp32, MathMode::bf16}) {
    EXPECT_EQ(cost_of({.batch = 8, .math = math}, measuring).work,
              (StepWork{.kernels = 12, .copies = 0, .fills = 0, .others = 0}));
  }
}

TEST(StepBench, SaysWhatShareOfTheCopiesHidesWhereThereAreGraphs) {
  const auto hidden = cost_of({.batch = 16}).hidden_copies;
  ASSERT_TRUE(hidden);
  EXPECT_GT(*hidden, 0.5);
  EXPECT_LE(*hidden, 1.001);
  EXPECT_FALSE(cost_of({.batch = 16, .graphs = false}).hidden_copies);
}

TEST(StepBench, FailsWithTheDevicesError) {
  const emulated::EmulatedDevice device({.memory_bytes = 4096});
  EXPECT_THROW(static_cast<void>(measure_step({.batch = 16}, kSmall, emulated::emulated_cublaslt())),
               DeviceError);
}

}  // namespace
}  // namespace millrace::bench
