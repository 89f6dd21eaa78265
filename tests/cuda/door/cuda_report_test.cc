#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/cuda_engine.h"

#include "support/emulated_device/emulated_device.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(CudaReport, FindsNothingWrongWithADeviceThatServes) {
  const emulated::EmulatedDevice device({.memory_bytes = 1U << 20U, .compute_capability = 90});
  const CudaReport report = cuda_report();
  EXPECT_TRUE(report.built);
  EXPECT_THAT(report.unusable, IsEmpty());
  EXPECT_THAT(report.driver, Not(IsEmpty()));
  ASSERT_EQ(report.devices.size(), 1U);
  EXPECT_EQ(report.devices[0].name, "Emulated device");
  EXPECT_EQ(report.devices[0].compute_capability, 90);
  EXPECT_EQ(report.devices[0].memory_bytes, 1U << 20U);
  EXPECT_THAT(report.devices[0].unusable, IsEmpty());
}

TEST(CudaReport, NamesTheLibrariesAndWhatIsWrongWithThem) {
  const emulated::EmulatedDevice device;
  const CudaReport report = cuda_report();
  ASSERT_EQ(report.libraries.size(), 2U);
  EXPECT_EQ(report.libraries[0].name, "cuBLASLt");
  EXPECT_THAT(report.libraries[0].version, Not(IsEmpty()));
  EXPECT_EQ(report.libraries[1].name, "cuDNN");
  EXPECT_EQ(report.libraries[1].place, "the emulated device");
}

TEST(CudaReport, SaysWhatIsMissingWithoutADriver) {
  const CudaReport report = cuda_report();
  EXPECT_EQ(report.driver, "");
  EXPECT_THAT(report.devices, IsEmpty());
  EXPECT_THAT(report.unusable, HasSubstr("no NVIDIA driver"));
}

TEST(CudaReport, RefusesADeviceThatIsTooOld) {
  const emulated::EmulatedDevice device({.compute_capability = 75});
  const CudaReport report = cuda_report();
  ASSERT_EQ(report.devices.size(), 1U);
  EXPECT_THAT(report.devices[0].unusable, HasSubstr("7.5"));
  EXPECT_THAT(report.unusable, HasSubstr("GPU 0 (Emulated device) cannot be used"));
}

TEST(CudaReport, DoesNotThrowWhereTheDeviceDoesNotAnswer) {
  emulated::EmulatedDevice device;
  device.fail_call("cudaGetDeviceProperties", 1, cudaErrorInitializationError);
  EXPECT_EQ(cuda_report().unusable,
            "GPU 0 (unknown) cannot be used: it does not answer: cudaErrorInitializationError");
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(CudaReport, LeavesNothingBehind) {
  const emulated::EmulatedDevice device;
  static_cast<void>(cuda_report());
  EXPECT_EQ(device.counters().live_allocations, 0U);
  EXPECT_EQ(device.counters().live_handles, 0U);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

}  // namespace
}  // namespace millrace
