#include "millrace/engine_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "millrace/errors.h"

#include "engine/cpu_engine.h"

namespace millrace {
namespace {

using ::testing::StartsWith;

EngineRequest request_for(const std::string& choice, MathMode math = MathMode::fp32) {
  return {.choice = choice, .shape = {{2, 3, 1}}, .training = {.math = math}, .max_window_rows = 8};
}

// A machine with one GPU, and the CUDA engine built for it.
CudaReport machine_with_gpu() {
  CudaReport report;
  report.built = true;
  report.devices.push_back({.number = 0, .name = "H100", .compute_capability = 90});
  return report;
}

TEST(EngineChoice, TakesTheCpuWhenAsked) {
  EXPECT_THAT(make_engine(request_for("cpu"))->description(), StartsWith("cpu, "));
}

TEST(EngineChoice, AutoTakesTheGpuWhereThereIsOneToUse) {
  const AutoChoice choice = choose_engine(machine_with_gpu(), 0);
  EXPECT_TRUE(choice.cuda);
  EXPECT_EQ(choice.reason, "GPU 0 (H100)");
}

TEST(EngineChoice, AutoTakesTheCpuAndSaysWhyWhereTheGpuCannotBeUsed) {
  CudaReport report = machine_with_gpu();
  report.devices[0].unusable = "it is too old";
  const AutoChoice choice = choose_engine(report, 0);
  EXPECT_FALSE(choice.cuda);
  EXPECT_EQ(choice.reason, "GPU 0 (H100) cannot be used: it is too old");
}

TEST(EngineChoice, AutoTakesTheCpuAndSaysWhyWhereThereIsNoDriver) {
  CudaReport report;
  report.unusable = "there is no driver";
  const AutoChoice choice = choose_engine(report, 0);
  EXPECT_FALSE(choice.cuda);
  EXPECT_EQ(choice.reason, "there is no driver");
}

// That it is not there is for the CUDA engine to say, and not to be passed over.
TEST(EngineChoice, AutoDoesNotPassOverAGpuThatWasAskedForByNumber) {
  EXPECT_TRUE(choose_engine(machine_with_gpu(), 3).cuda);
}

TEST(EngineChoice, RefusesOtherMathematicsOnTheCpu) {
  try {
    static_cast<void>(make_engine(request_for("cpu", MathMode::tf32)));
    FAIL() << "an engine was made";
  } catch (const OptionError& error) {
    EXPECT_EQ(error.option, "--math");
    EXPECT_EQ(error.value, "tf32");
    EXPECT_EQ(error.exit_code(), ExitCode::usage);
  }
}

TEST(EngineChoice, TakesBf16OnTheCpuWhereTheProcessorHasItAndSaysSoWhereNot) {
  if (cpu_engine_computes(MathMode::bf16)) {
    EXPECT_THAT(make_engine(request_for("cpu", MathMode::bf16))->description(),
                StartsWith("cpu, avx512_bf16"));
  } else {
    EXPECT_THROW(static_cast<void>(make_engine(request_for("cpu", MathMode::bf16))), OptionError);
  }
}

TEST(EngineChoice, CudaWithoutAGpuIsADeviceErrorThatSaysWhy) {
  if (cuda_report().unusable.empty()) GTEST_SKIP() << "there is a GPU";
  try {
    static_cast<void>(make_engine(request_for("cuda")));
    FAIL() << "an engine was made";
  } catch (const DeviceError& error) {
    EXPECT_FALSE(error.detail.empty());
    EXPECT_EQ(error.exit_code(), ExitCode::device);
  }
}

}  // namespace
}  // namespace millrace
