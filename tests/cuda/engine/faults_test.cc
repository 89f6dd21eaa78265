// Every call fails once, of the runtime and of libraries.
#include <gtest/gtest.h>
#include <string>

#include "millrace/errors.h"

#include "cuda/engine/emulated_engine.h"

namespace millrace::test {
namespace {

constexpr std::uint64_t kWindows = 3;
// Watched runs take ten times as long.
constexpr std::uint64_t kEvery = MILLRACE_CHECK_ACCESSES ? 29 : 1;

struct Life {
  ModelState trained;
  std::uint64_t calls = 0;     // until then
  std::uint64_t harmless = 0;  // of these: releases, and what has no way to fail
  std::uint64_t all_calls = 0;
};

Life undisturbed() {
  const emulated::EmulatedDevice device(emulated_settings(1));
  Life life;
  {
    const auto engine = small_engine();
    life.trained = train_windows(*engine, kWindows);
    life.calls = device.counters().calls;
    for (const char* name : {"cudaFreeAsync", "cudaFreeHost", "cudaEventDestroy", "cudaGraphDestroy",
                             "cublasLtMatmulDescDestroy", "cublasLtMatrixLayoutDestroy",
                             "cublasLtMatmulPreferenceDestroy", "cublasLtGetVersion"}) {
      life.harmless += device.calls_of(name);
    }
  }
  life.all_calls = device.counters().calls;
  return life;
}

// Whether the run said so, as it must; if it did not, what was trained is as good as ever.
bool run_says(std::uint64_t nth, cudaError_t error, const Life& life) {
  emulated::EmulatedDevice device(emulated_settings(1));
  device.fail_call("", nth, error);
  bool said = false;
  try {
    const auto engine = small_engine();
    EXPECT_EQ(train_windows(*engine, kWindows), life.trained) << "after call " << nth;
  } catch (const DeviceError& failure) {
    said = true;
    EXPECT_EQ(failure.exit_code(), ExitCode::device);
    EXPECT_FALSE(failure.detail.empty());
  }
  static_cast<void>(device.take_failures());
  return said;
}

// A release that fails is logged and harms nobody; every other call of an engine's life is missed.
void fail_each_call(cudaError_t error) {
  const Life life = undisturbed();
  std::uint64_t said = 0;
  for (std::uint64_t nth = 1; nth <= life.all_calls; nth += kEvery)
    said += run_says(nth, error, life) ? 1 : 0;
  EXPECT_GE(said, kEvery == 1 ? life.calls - life.harmless : 1) << "of " << life.all_calls << " calls";
}

TEST(CudaFaults, MemoryThatIsNotThereIsADeviceErrorAtEveryCall) { fail_each_call(cudaErrorMemoryAllocation); }

TEST(CudaFaults, ALostDeviceIsADeviceErrorAtEveryCall) { fail_each_call(cudaErrorDevicesUnavailable); }

TEST(CudaFaults, AFailedLaunchIsADeviceErrorAtEveryCall) { fail_each_call(cudaErrorLaunchFailure); }

TEST(CudaFaults, TooLittleMemoryIsNamed) {
  emulated::Settings settings = emulated_settings(1);
  settings.memory_bytes = 4096;
  const emulated::EmulatedDevice device(settings);
  try {
    static_cast<void>(small_engine());
    FAIL() << "it fitted";
  } catch (const DeviceError& error) {
    EXPECT_NE(error.detail.find("cudaErrorMemoryAllocation"), std::string::npos) << error.detail;
  }
}

TEST(CudaFaults, ADriverThatIsTooOldIsNamed) {
  emulated::Settings settings = emulated_settings(1);
  settings.driver_version = 12040;
  const emulated::EmulatedDevice device(settings);
  try {
    static_cast<void>(small_engine());
    FAIL() << "it went";
  } catch (const DeviceError& error) {
    EXPECT_NE(error.detail.find("cudaErrorInsufficientDriver"), std::string::npos) << error.detail;
  }
}

}  // namespace
}  // namespace millrace::test
