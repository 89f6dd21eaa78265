#include "cuda/library/open_cudnn.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cudnn/installed_cudnn.h"

namespace millrace::cuda {
namespace {

TEST(OpenCudnn, GoesWithoutWhereCublasLtIsAbsent) {
  const CublasLtOpening absent = {nullptr, {"cuBLASLt", "", "no libcublasLt.so.13"}};
  const CudnnOpening opening = open_cudnn_from({}, absent);
  EXPECT_EQ(opening.table, nullptr);
  EXPECT_EQ(opening.library.name, "cuDNN");
  EXPECT_EQ(opening.library.version, "");
  EXPECT_EQ(opening.library.place, "it needs cuBLASLt: no libcublasLt.so.13");
}

TEST(OpenCudnn, SaysWhatWasLookedAtAndWhyItFailed) {
  if (loader_finds_cudnn()) GTEST_SKIP() << "the loader finds a cuDNN of this machine's";
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "broken_cudnn";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "libcudnn.so.9") << "no library";
  const CudnnOpening opening = open_cudnn_from({.folders = {folder}}, some_cublaslt());
  EXPECT_EQ(opening.table, nullptr);
  EXPECT_THAT(opening.library.place, testing::HasSubstr("libcudnn.so.9: cannot open shared object file"));
  EXPECT_THAT(opening.library.place, testing::HasSubstr((folder / "libcudnn.so.9").string()));
}

TEST(OpenCudnn, TellsTheVersionAndTheFileOfWhatItOpened) {
  const CudnnOpening opening = open_installed_cudnn();
  if (opening.table == nullptr) GTEST_SKIP() << opening.library.place;
  EXPECT_THAT(opening.library.version, testing::MatchesRegex(R"(9\.[0-9]+\.[0-9]+)"));
  EXPECT_TRUE(std::filesystem::exists(opening.library.place)) << opening.library.place;
}

}  // namespace
}  // namespace millrace::cuda
