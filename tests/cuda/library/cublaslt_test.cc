#include "cuda/library/cublaslt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/errors.h"

namespace millrace::cuda {
namespace {

using ::testing::MatchesRegex;

CublasLt table_with_names() {
  CublasLt table{};
  table.get_status_name = [](cublasStatus_t status) {
    return status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "another";
  };
  return table;
}

TEST(CublasCheck, LetsSuccessPass) {
  EXPECT_NO_THROW(MILLRACE_CUBLAS_CHECK(table_with_names(), CUBLAS_STATUS_SUCCESS));
}

TEST(CublasCheck, ThrowsTheExpressionThePlaceAndTheStatusName) {
  const cublasStatus_t status = CUBLAS_STATUS_NOT_SUPPORTED;
  try {
    MILLRACE_CUBLAS_CHECK(table_with_names(), status);
    FAIL() << "nothing was thrown";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.detail,
                MatchesRegex("status at cublaslt_test.cc:[1-9][0-9]*: CUBLAS_STATUS_NOT_SUPPORTED"));
  }
}

}  // namespace
}  // namespace millrace::cuda
