#include <cstdio>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "millrace/errors.h"

#include "cuda/library/cudnn.h"

namespace millrace::cuda {
namespace {

// A cuDNN that says what it is asked to.
const char* last_error = "";

Cudnn scripted_cudnn() {
  Cudnn cudnn{};
  cudnn.get_error_string = [](cudnnStatus_t status) {
    return status == CUDNN_STATUS_NOT_SUPPORTED ? "CUDNN_STATUS_NOT_SUPPORTED" : "another status";
  };
  cudnn.get_last_error_string = [](char* message, std::size_t bytes) {
    std::snprintf(message, bytes, "%s", last_error);
  };
  cudnn.create = [](cudnnHandle_t*) { return CUDNN_STATUS_NOT_SUPPORTED; };
  return cudnn;
}

std::string detail_of_failed_create() {
  const Cudnn cudnn = scripted_cudnn();
  cudnnHandle_t handle = nullptr;
  try {
    MILLRACE_CUDNN_CHECK(cudnn, cudnn.create(&handle));
  } catch (const DeviceError& error) {
    return error.detail;
  }
  return "nothing was thrown";
}

TEST(CudnnCheck, ThrowsTheExpressionThePlaceTheStatusAndTheReason) {
  last_error = "no kernel";
  EXPECT_THAT(
      detail_of_failed_create(),
      testing::MatchesRegex(
          R"(cudnn.create\(&handle\) at check_test.cc:[0-9]+: CUDNN_STATUS_NOT_SUPPORTED \(no kernel\))"));
}

TEST(CudnnCheck, SaysNoReasonWhereTheLibraryHasNone) {
  last_error = "";
  EXPECT_THAT(detail_of_failed_create(), testing::EndsWith(": CUDNN_STATUS_NOT_SUPPORTED"));
}

TEST(CudnnCheck, LetsSuccessPass) {
  EXPECT_NO_THROW(MILLRACE_CUDNN_CHECK(scripted_cudnn(), CUDNN_STATUS_SUCCESS));
}

}  // namespace
}  // namespace millrace::cuda
