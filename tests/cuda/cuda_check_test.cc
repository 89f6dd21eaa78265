#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "millrace/errors.h"

#include "cuda/check.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace::cuda {
namespace {

TEST(CudaCheck, ThrowsTheExpressionThePlaceAndTheErrorsNameAndText) {
  const emulated::EmulatedDevice device({.memory_bytes = 1});
  void* memory = nullptr;
  try {
    MILLRACE_CUDA_CHECK(cudaMalloc(&memory, 2));
    FAIL() << "nothing was thrown";
  } catch (const DeviceError& error) {
    EXPECT_THAT(
        error.detail,
        testing::MatchesRegex(
            R"(cudaMalloc\(&memory, 2\) at cuda_check_test.cc:[0-9]+: cudaErrorMemoryAllocation \(out of memory\))"));
    EXPECT_EQ(error.exit_code(), ExitCode::device);
  }
}

TEST(CudaCheck, LetsSuccessPass) { EXPECT_NO_THROW(MILLRACE_CUDA_CHECK(cudaSuccess)); }

}  // namespace
}  // namespace millrace::cuda
