// Every call that can fail fails once.
#include <gtest/gtest.h>
#include <string>

#include "millrace/errors.h"

#include "cuda/engine/emulated_engine.h"

namespace millrace::test {
namespace {

constexpr std::uint64_t kWindows = 3;

// The number of calls in a whole life of an engine.
std::uint64_t calls_of_a_run() {
  const emulated::EmulatedDevice device(emulated_settings(1));
  { train_windows(*small_engine(), kWindows); }
  return device.counters().calls;
}

// Whether the run said so; a failed release at the end is logged and harms nobody.
bool run_says(std::uint64_t nth, cudaError_t error) {
  const emulated::EmulatedDevice device(emulated_settings(1));
  emulated::EmulatedDevice& mutable_device = const_cast<emulated::EmulatedDevice&>(device);
  mutable_device.fail_call("", nth, error);
  bool said = false;
  try {
    const auto engine = small_engine();
    train_windows(*engine, kWindows);
  } catch (const DeviceError& failure) {
    said = true;
    EXPECT_EQ(failure.exit_code(), ExitCode::device);
    EXPECT_FALSE(failure.detail.empty());
  }
  static_cast<void>(mutable_device.take_failures());
  return said;
}

void fail_each_call(cudaError_t error, std::uint64_t every) {
  const std::uint64_t calls = calls_of_a_run();
  std::uint64_t said = 0;
  std::uint64_t tried = 0;
  for (std::uint64_t nth = 1; nth <= calls; nth += every) {
    ++tried;
    said += run_says(nth, error) ? 1 : 0;
  }
  // Setting up and training are most of the calls, releasing is the rest.
  EXPECT_GT(said, tried / 2) << "of " << tried << " runs";
}

#if MILLRACE_CHECK_ACCESSES
constexpr std::uint64_t kEvery = 29;
#else
constexpr std::uint64_t kEvery = 3;
#endif

TEST(CudaFaults, MemoryThatIsNotThereIsADeviceErrorAtEveryCall) {
  fail_each_call(cudaErrorMemoryAllocation, kEvery);
}

TEST(CudaFaults, ALostDeviceIsADeviceErrorAtEveryCall) {
  fail_each_call(cudaErrorDevicesUnavailable, kEvery);
}

TEST(CudaFaults, AFailedLaunchIsADeviceErrorAtEveryCall) { fail_each_call(cudaErrorLaunchFailure, kEvery); }

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
