// The tests' device in builds for a CUDA host: GPU 0, with the machine's own cuBLASLt.
#include "cuda/engine/test_device.h"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "millrace/errors.h"

#include "cuda/check.h"

namespace millrace::test {

struct TestDevice::Parts {};

// It has its own order.
TestDevice::TestDevice(std::uint64_t /*seed*/) { MILLRACE_CUDA_CHECK(cudaSetDevice(0)); }

// What went wrong on the device without anyone looking fails the test that caused it.
TestDevice::~TestDevice() { EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess); }

}  // namespace millrace::test
