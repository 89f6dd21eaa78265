// `millrace bench` as a user meets it. What a stage prints is tested, never how long anything took.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/cuda_engine.h"

#include "kafka/embedded_broker.h"
#include "kafka/producer.h"
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

nlohmann::json json_of(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const support::ProcessResult result = bench(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  return nlohmann::json::parse(result.out, nullptr, false);
}

// What was reached, the bound in the same unit, and how the two compare.
void expect_share(const nlohmann::json& result, const std::string& figure) {
  EXPECT_GT(result.at(figure), 0.0) << result;
  EXPECT_GT(result.at("bound_" + figure), 0.0) << result;
  EXPECT_GT(result.at("share"), 0.0) << result;
}

TEST(BenchProgram, AsksForAStage) {
  expect_failure(bench({}), 2, "overlap");
  expect_failure(bench({"overlapp"}), 2, "did you mean overlap?");
  expect_failure(bench({"another", "--overlap"}), 2, "--overlap");
}

TEST(BenchProgram, RefusesOptionsThatTheStageHasNoUseFor) {
  expect_failure(bench({"decode", "--layers", "8"}), 2, "`millrace bench decode` has no use for it");
}

TEST(BenchProgram, PutsAStepBesideThePeakOfTheSameThreads) {
  const nlohmann::json report = json_of({"step", "--layers", "16,8", "--batch", "8", "--rounds", "1"});
  EXPECT_EQ(report.at("schema_version"), 1);
  EXPECT_EQ(report.at("stage"), "step");
  EXPECT_EQ(report.at("widths"), (std::vector<int>{9, 16, 8, 1}));
  ASSERT_FALSE(report.at("results").empty());
  EXPECT_EQ(report.at("results").at(0).at("batch"), 8);
  EXPECT_EQ(report.at("results").at(0).at("threads"), 1);
  for (const nlohmann::json& result : report.at("results")) expect_share(result, "flop_per_s");
}

TEST(BenchProgram, PutsDecodingBesideABareLoop) {
  const nlohmann::json report = json_of({"decode", "--features", "3", "--rows", "100", "--rounds", "2"});
  EXPECT_EQ(report.at("stage"), "decode");
  ASSERT_EQ(report.at("results").size(), 2U);
  for (const nlohmann::json& result : report.at("results")) expect_share(result, "rows_per_s");
}

class BenchOfATopic : public ::testing::Test {
 protected:
  void fill(std::uint64_t rows) {
    TopicProducer producer({.brokers = broker_.brokers()}, "rows", "murmur2_random");
    for (std::uint64_t row = 0; row < rows; ++row) {
      producer.send_to(static_cast<std::int32_t>(row % 2), "1", std::to_string(row) + ",2,3");
    }
    producer.flush();
  }

  std::vector<std::string> ingest(std::vector<std::string> more) {
    more.insert(more.begin(),
                {"ingest", "--brokers", broker_.brokers(), "--topic", "rows", "--label", "key"});
    return more;
  }

  const EmbeddedBroker broker_{{{"rows", 2}}};
};

TEST_F(BenchOfATopic, PutsReadingBesideABareDrain) {
  fill(1000);
  const nlohmann::json report = json_of(ingest({"--features", "3", "--rounds", "2", "--window-rows", "64"}));
  EXPECT_EQ(report.at("stage"), "ingest");
  EXPECT_EQ(report.at("rows"), 1000);
  EXPECT_EQ(report.at("records"), 1000);
  EXPECT_EQ(report.at("bad_records"), 0);
  EXPECT_GT(report.at("rows_per_s"), 0.0);
  expect_share(report, "records_per_s");
}

TEST_F(BenchOfATopic, CountsRecordsThatGiveNoRow) {
  fill(10);
  const support::ProcessResult result = bench(ingest({"--features", "4", "--rounds", "1"}));
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, HasSubstr("10 bad records gave no row"));
}

TEST_F(BenchOfATopic, RefusesATopicWithoutRecords) {
  expect_failure(bench(ingest({})), 2, "it holds no records to read");
}

TEST(BenchProgram, AsksForWhatAStageNeeds) {
  expect_failure(bench({"ingest", "--topic", "t"}), 2, "--brokers");
  expect_failure(bench({"ingest", "--brokers", "b"}), 2, "--topic");
}

TEST(BenchProgram, PrintsATableForPeople) {
  const support::ProcessResult result = bench({"decode", "--rows", "100", "--rounds", "1"});
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, HasSubstr("share of it"));
  EXPECT_THAT(result.out, HasSubstr("small integers"));
  EXPECT_THAT(result.out, HasSubstr("librdkafka"));
}

TEST(BenchProgram, EndsWithCode7WhereNoGpuCanShowTheOverlap) {
  if (cuda_report().unusable.empty()) GTEST_SKIP() << "this machine has a GPU";
  expect_failure(bench({"overlap"}), 7, "The device cannot be used: ");
  expect_failure(bench({"--overlap", "--json"}), 7, "The device cannot be used: ");
}

}  // namespace
}  // namespace millrace
