// `millrace predict --stdin` as a process among others.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "host/predict/sample_state.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PredictProgram : public ::testing::Test {
 protected:
  PredictProgram() { testing::save(folder_ / "state", testing::sample_checkpoint(1)); }

  [[nodiscard]] support::ProcessResult shell(const std::string& script) const {
    const std::string predict = fmt::format("predict() {{ {} predict --stdin --state {} \"$@\"; }}\n",
                                            MILLRACE_PROGRAM, (folder_ / "state").string());
    return support::run_process({.arguments = {"bash", "-c", predict + script}}, std::chrono::seconds(60));
  }

  const support::TempDir folder_;
};

TEST_F(PredictProgram, AnswersAllLinesInOrderThroughFullPipes) {
  // A cat is slow to write what it reads; the answers are ten times as long as the rows.
  const auto result = shell("seq 1 200000 | sed 's/$/,1/' | predict --output csv --quiet | cat | wc -l");
  EXPECT_EQ(result.out, "200000\n") << result.describe();
  const auto twice = shell("(seq 1 500; seq 1 500) | sed 's/$/,1/' | predict --output csv --quiet");
  EXPECT_EQ(twice.out.substr(0, twice.out.size() / 2), twice.out.substr(twice.out.size() / 2));
}

TEST_F(PredictProgram, AnswersWhoWaitsForEachAnswer) {
  const auto result = shell(
      "coproc P { predict --quiet; }; for i in 1 2 3; do echo $i,2 >&${P[1]}; read -r -t 30 line <&${P[0]} "
      "|| exit 9; "
      "echo \"$line\"; done; exec {P[1]}>&-; wait");
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 3);
}

TEST_F(PredictProgram, EndsQuietlyWithItsReader) {
  const auto result = shell("yes 1,2 | predict --quiet | head -n 1 > /dev/null; echo ${PIPESTATUS[1]}");
  EXPECT_EQ(result.out, "0\n") << result.describe();
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(PredictProgram, EndsWithCode0WhereNothingComes) {
  const auto result = shell("predict --quiet < /dev/null");
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(PredictProgram, SummarisesOnStandardErrorWithLatencies) {
  const auto result = shell("printf '1,2\\n1\\n' | predict --json --quiet");
  const auto summary = nlohmann::json::parse(result.err);
  EXPECT_EQ(summary.at("rows"), 1);
  EXPECT_EQ(summary.at("bad_records_by_reason").at("column_count"), 1);
  EXPECT_GT(summary.at("latency_p99_ms").get<double>(), 0);
  EXPECT_GE(summary.at("latency_p99_ms").get<double>(), summary.at("latency_p50_ms").get<double>());
}

TEST_F(PredictProgram, RefusesAnOptionOfTopicsOnTheCommandLineAlone) {
  const auto refused = shell("predict --topic t < /dev/null");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("leave one of the two out"));
  const auto taken = shell("MILLRACE_TOPIC=t predict --quiet < /dev/null");
  EXPECT_EQ(taken.exit_code, 0) << taken.describe();
}

TEST_F(PredictProgram, NeedsATopicToPredictFromAndOneToPredictTo) {
  for (const auto& [given, missing] : std::vector<std::pair<std::string, std::string>>{
           {"--topic a --to b --group g", "--brokers"},
           {"--brokers b --topic a --group g", "--to"},
           {"--brokers b --topic a --to b", "--group"},
           {"--brokers b --topic a,b --to b --group g", "predictions would be taken for rows"}}) {
    const auto result =
        shell(fmt::format("{} predict --state {} {}", MILLRACE_PROGRAM, (folder_ / "state").string(), given));
    EXPECT_EQ(result.exit_code, 2) << result.describe();
    EXPECT_THAT(result.err, HasSubstr(missing));
  }
}

TEST_F(PredictProgram, SaysWhereThereIsNoState) {
  const auto result = shell(MILLRACE_PROGRAM " predict --stdin --state /nowhere < /dev/null");
  EXPECT_EQ(result.exit_code, 6) << result.describe();
}

}  // namespace
}  // namespace millrace
