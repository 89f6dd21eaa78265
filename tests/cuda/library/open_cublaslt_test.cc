#include "cuda/library/open_cublaslt.h"

#include <dlfcn.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace millrace::cuda {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr const char* kName = "libcublasLt.so.13";

std::filesystem::path fake(const std::string& which) {
  return std::filesystem::path(MILLRACE_FAKE_LIBRARIES) / which;
}

class OpenCublasLt : public ::testing::Test {
 protected:
  void SetUp() override {
    if (dlopen(kName, RTLD_LAZY) != nullptr) GTEST_SKIP() << "the loader finds a cuBLASLt of this machine's";
  }
};

TEST_F(OpenCublasLt, TakesTheFirstPlaceThatHasIt) {
  const CublasLtOpening opening = open_cublaslt_from({{fake("nowhere"), fake("whole"), fake("older")}});
  ASSERT_NE(opening.table, nullptr);
  EXPECT_EQ(opening.table->get_version(), 130207U);
  EXPECT_NE(opening.table->matmul, nullptr);
  EXPECT_EQ(opening.library.name, "cuBLASLt");
  EXPECT_EQ(opening.library.version, "13.2.7");
  EXPECT_EQ(opening.library.place, (fake("whole") / kName).string());
}

TEST_F(OpenCublasLt, SaysWhereItLookedInVain) {
  const CublasLtOpening opening = open_cublaslt_from({{fake("nowhere")}});
  EXPECT_EQ(opening.table, nullptr);
  EXPECT_EQ(opening.library.version, "");
  EXPECT_THAT(opening.library.place, AllOf(HasSubstr("libcublasLt.so.13: cannot open shared object file"),
                                           HasSubstr("no " + (fake("nowhere") / kName).string())));
}

TEST_F(OpenCublasLt, NamesTheFunctionThatALibraryLacks) {
  const CublasLtOpening opening = open_cublaslt_from({{fake("lacking")}});
  EXPECT_EQ(opening.table, nullptr);
  EXPECT_EQ(opening.library.place, (fake("lacking") / kName).string() + " has no cublasLtMatmulAlgoCheck");
}

TEST_F(OpenCublasLt, RefusesAnotherMajorVersion) {
  const CublasLtOpening opening = open_cublaslt_from({{fake("older")}});
  EXPECT_EQ(opening.table, nullptr);
  EXPECT_EQ(opening.library.place, (fake("older") / kName).string() + " is version 12.6.0, and 13 is needed");
}

// Last: NVIDIA's own answers to the plain name from here on.
TEST_F(OpenCublasLt, OpensTheToolkitsOwnWhichNeedsADriverToBegin) {
  if (!std::filesystem::exists(std::filesystem::path(MILLRACE_TOOLKIT_LIBRARIES) / kName)) {
    GTEST_SKIP() << "the toolkit has no " << kName;
  }
  const CublasLtOpening opening = open_cublaslt_from({{MILLRACE_TOOLKIT_LIBRARIES}});
  ASSERT_NE(opening.table, nullptr) << opening.library.place;
  EXPECT_THAT(opening.library.version, MatchesRegex(R"(13\.[0-9]+\.[0-9]+)"));
  if (std::filesystem::exists("/dev/nvidiactl")) return;  // a driver: creating succeeds
  cublasLtHandle_t handle = nullptr;
  const cublasStatus_t status = opening.table->create(&handle);
  EXPECT_STREQ(opening.table->get_status_name(status), "CUBLAS_STATUS_NOT_INITIALIZED");
}

}  // namespace
}  // namespace millrace::cuda
