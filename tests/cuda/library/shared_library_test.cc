#include "cuda/library/shared_library.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/temp_dir.h"

namespace millrace::cuda {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Not a name that any loader knows.
const std::vector<std::string> kNames = {"libmillrace-absent.so.1"};

class LibraryPlacesTest : public ::testing::Test {
 protected:
  fs::path make(const std::string& folder) {
    fs::create_directories(root_ / folder);
    return root_ / folder;
  }

  // Those below the test's own folder: the machine may have others.
  std::vector<fs::path> places(const std::map<std::string, std::string>& environment) const {
    std::vector<fs::path> own;
    for (const fs::path& folder : library_places(environment).folders) {
      if (folder.string().starts_with(root_.path().string())) own.push_back(folder);
    }
    return own;
  }

  std::string at(const std::string& folder) const { return (root_ / folder).string(); }

  const support::TempDir root_;
};

TEST_F(LibraryPlacesTest, AreTheToolkitsFirstAndThenTheWheels) {
  const fs::path home = make("home/lib64");
  const fs::path path = make("path/lib64");
  const fs::path venv = make("venv/lib/python3.11/site-packages/nvidia/cu13/lib");
  const fs::path user = make("user/.local/lib/python3.9/site-packages/nvidia/cudnn/lib");
  EXPECT_THAT(places({{"CUDA_HOME", at("home")},
                      {"CUDA_PATH", at("path")},
                      {"VIRTUAL_ENV", at("venv")},
                      {"HOME", at("user")}}),
              ElementsAre(home, path, venv, user));
}

TEST_F(LibraryPlacesTest, IncludeThePackagesOfThePythonInPath) {
  const fs::path wheel = make("python/lib/python3.12/dist-packages/nvidia/cu13/lib");
  std::ofstream(make("python/bin") / "python3") << "";
  EXPECT_THAT(places({{"PATH", at("nowhere") + ":" + at("python/bin")}}), ElementsAre(wheel));
}

TEST_F(LibraryPlacesTest, FollowTheLinkOfAVirtualEnvironmentsPython) {
  const fs::path wheel = make("python/lib/python3.12/site-packages/nvidia/cu13/lib");
  std::ofstream(make("python/bin") / "python3") << "";
  fs::create_symlink(at("python/bin/python3"), make("venv/bin") / "python3");
  EXPECT_THAT(places({{"PATH", at("venv/bin")}}), ElementsAre(wheel));
}

TEST_F(LibraryPlacesTest, NameAFolderOnce) {
  const fs::path toolkit = make("toolkit/lib");
  fs::create_directory_symlink(toolkit, root_ / "toolkit/lib64");
  EXPECT_THAT(places({{"CUDA_HOME", at("toolkit")}, {"CUDA_PATH", at("toolkit")}}),
              ElementsAre(root_ / "toolkit/lib64"));
}

TEST_F(LibraryPlacesTest, AreNoneWhereThereIsNothing) {
  EXPECT_THAT(places({{"CUDA_HOME", at("nowhere")}, {"VIRTUAL_ENV", at("neither")}}), IsEmpty());
}

TEST(OpenLibrary, SaysThatThereWasNowhereToLook) {
  const OpenedLibrary opened = open_library(kNames, {});
  EXPECT_FALSE(opened.library.has_value());
  EXPECT_THAT(opened.tried, AllOf(HasSubstr("libmillrace-absent.so.1: cannot open shared object file"),
                                  HasSubstr("no CUDA toolkit and none of NVIDIA's Python wheels")));
}

TEST(OpenLibrary, GoesOnPastAFileThatIsNoLibraryAndSaysWhatItIs) {
  const support::TempDir broken;
  std::ofstream(broken / kNames.front()) << "not a library";
  const OpenedLibrary opened = open_library(kNames, {{broken.path()}});
  EXPECT_FALSE(opened.library.has_value());
  EXPECT_THAT(opened.tried, HasSubstr((broken / kNames.front()).string() + ": file too short"));
}

TEST(OpenLibrary, FindsWhatTheLoaderFindsFirstAndSaysWhere) {
  const std::vector<std::string> names = {"libm.so.6"};
  const OpenedLibrary opened = open_library(names, {});
  ASSERT_TRUE(opened.library.has_value());
  EXPECT_TRUE(fs::path(opened.library->file()).is_absolute()) << opened.library->file();
  EXPECT_THAT(opened.tried, IsEmpty());
}

TEST(SharedLibrary, GivesFunctionsByNameAndLeavesUnknownOnesAlone) {
  const std::vector<std::string> names = {"libm.so.6"};
  const OpenedLibrary opened = open_library(names, {});
  ASSERT_TRUE(opened.library.has_value());
  double (*cosine)(double) = nullptr;
  EXPECT_TRUE(opened.library->find("cos", cosine));
  EXPECT_EQ(cosine(0.0), 1.0);
  double (*const before)(double) = cosine;
  EXPECT_FALSE(opened.library->find("no_such_function", cosine));
  EXPECT_EQ(cosine, before);
}

}  // namespace
}  // namespace millrace::cuda
