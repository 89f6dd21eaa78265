// Through the door, as the program comes in: how far copies hide behind computing, by the device's own clock.
#include <gtest/gtest.h>

#include "millrace/cuda_engine.h"
#include "millrace/errors.h"

#include "cuda/engine/emulated_engine.h"

namespace millrace::test {
namespace {

const NetworkShape kShape{{8, 16, 8, 1}};
const TrainingSettings kTraining{.epochs = 1, .batch = 16};

TEST(CudaOverlap, HidesNearlyEveryCopyBehindTheWindowBefore) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const OverlapReport report = measure_overlap(kShape, kTraining, 64, 10, {});
  ASSERT_EQ(report.windows.size(), 10U);
  EXPECT_GT(report.copy_ms, 0.0);
  EXPECT_LE(report.hidden_copy_ms, report.copy_ms * 1.0001);
  EXPECT_GT(report.hidden_copy_ms, 0.9 * report.copy_ms);
}

TEST(CudaOverlap, ComputesEachWindowAfterItsCopyAndOneAfterTheOther) {
  const emulated::EmulatedDevice device(emulated_settings(2));
  const OverlapReport report = measure_overlap(kShape, kTraining, 64, 6, {});
  for (std::size_t i = 0; i < report.windows.size(); ++i) {
    const OverlapReport::Window& window = report.windows[i];
    EXPECT_LE(window.copy.begin_ms, window.copy.end_ms) << i;
    EXPECT_LT(window.compute.begin_ms, window.compute.end_ms) << i;
    EXPECT_LE(window.copy.end_ms, window.compute.end_ms) << i;
    if (i == 0) continue;
    EXPECT_LE(report.windows[i - 1].compute.end_ms, window.compute.begin_ms + 1e-6) << i;
  }
}

TEST(CudaDoor, MakesAnEngineThatNamesDeviceLibraryAndMathematics) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  const auto engine = make_cuda_engine(kShape, kTraining, 64, {});
  EXPECT_EQ(engine->name(), "cuda");
  EXPECT_NE(engine->description().find("cuda, Emulated device sm_90, cublaslt "), std::string::npos)
      << engine->description();
  EXPECT_NE(engine->description().find("fp32"), std::string::npos) << engine->description();
}

// Whatever keeps the engine from being made is a DeviceError with a sentence.
void expect_refusal(const emulated::Settings& settings, int number, const char* clause) {
  const emulated::EmulatedDevice device(settings);
  try {
    static_cast<void>(make_cuda_engine(kShape, kTraining, 64, {.device = number}));
    FAIL() << "an engine was made";
  } catch (const DeviceError& error) {
    EXPECT_NE(error.detail.find(clause), std::string::npos) << error.detail;
    EXPECT_EQ(error.exit_code(), ExitCode::device);
  }
}

TEST(CudaDoor, RefusesAGpuThatIsNotThere) {
  expect_refusal(emulated_settings(1), 3, "there is no GPU 3 here");
}

TEST(CudaDoor, RefusesAnArchitectureThatNoKernelIsFor) {
  emulated::Settings settings = emulated_settings(1);
  settings.compute_capability = 75;
  expect_refusal(settings, 0, "cannot be used");
}

TEST(CudaDoor, RefusesADriverThatIsTooOld) {
  emulated::Settings settings = emulated_settings(1);
  settings.driver_version = 12040;
  expect_refusal(settings, 0, "driver");
}

TEST(CudaDoor, RefusesAMachineWithoutAGpu) {
  emulated::Settings settings = emulated_settings(1);
  settings.device_count = 0;
  expect_refusal(settings, 0, "GPU");
}

}  // namespace
}  // namespace millrace::test
