#include "report/live_line.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using Json = nlohmann::json;

// What a program that reads the log finds in it.
class LiveLineTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<Json> lines() const {
    // Not by the stream, whose place in the file is the writer's.
    std::string text(16'384, '\0');
    const ssize_t read = ::pread(::fileno(file_.get()), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(read, 0)));
    std::vector<Json> lines;
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
      lines.push_back(Json::parse(text.substr(begin, end - begin)));
    return lines;
  }

  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, CloseFile> file_{std::tmpfile()};
  Progress progress_{false, file_.get(), LogFormat::json};
};

TEST_F(LiveLineTest, SaysThatTheRateFallsWhileNoWindowComes) {
  LiveLine line(progress_);
  line.take({.seconds = 0.1, .rows = 100}, std::nullopt);
  line.take({.seconds = 1.9, .rows = 1900}, std::nullopt);  // too soon for a line of its own
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (lines().size() < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  const std::vector<Json> said = lines();
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[1].at("rows"), 1900);
  EXPECT_GT(said[1].at("seconds"), 2.3);
  EXPECT_LT(said[1].at("rows_per_s"), 900) << "1000 it was when the last window came";
}

TEST_F(LiveLineTest, EndsWithTheRateOfTheWholeRun) {
  LiveLine line(progress_);
  line.take({.seconds = 100, .rows = 1000}, 0);
  line.finish({.seconds = 100, .rows = 1000, .loss = 0.25, .auc = 0.75});
  const Json last = lines().back();
  EXPECT_EQ(last.at("event"), "end");
  EXPECT_EQ(last.at("rows_per_s"), 10);
  EXPECT_EQ(last.at("loss"), 0.25);
  EXPECT_EQ(last.at("auc"), 0.75);
}

TEST_F(LiveLineTest, SaysNothingOfARunWithoutWindows) {
  LiveLine(progress_).finish({.seconds = 3});
  EXPECT_THAT(lines(), IsEmpty());
}

}  // namespace
}  // namespace millrace
