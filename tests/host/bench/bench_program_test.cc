// `millrace bench` as a user meets it. What a stage prints is tested, never how long anything took.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/cuda_engine.h"

#include "support/process.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::seconds kDeadline{60};

support::ProcessResult bench(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {MILLRACE_PROGRAM, "bench"});
  return support::run_process({.arguments = arguments}, kDeadline);
}

void expect_failure(const support::ProcessResult& result, int code, const std::string& part) {
  EXPECT_EQ(result.exit_code, code) << result.describe();
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr(part));
}

TEST(BenchProgram, AsksForAStage) {
  expect_failure(bench({}), 2, "overlap");
  expect_failure(bench({"overlapp"}), 2, "did you mean overlap?");
  expect_failure(bench({"another", "--overlap"}), 2, "--overlap");
}

TEST(BenchProgram, EndsWithCode7WhereNoGpuCanShowTheOverlap) {
  if (cuda_report().unusable.empty()) GTEST_SKIP() << "this machine has a GPU";
  expect_failure(bench({"overlap"}), 7, "The device cannot be used: ");
  expect_failure(bench({"--overlap", "--json"}), 7, "The device cannot be used: ");
}

}  // namespace
}  // namespace millrace
