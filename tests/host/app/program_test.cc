// The program as a user meets it: a process with arguments, input, outputs and an exit code.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kafka/admin.h"
#include "kafka/embedded_broker.h"
#include "support/process.h"
#include "support/silent_server.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::chrono::seconds kDeadline{60};

support::ProcessResult millrace(std::vector<std::string> arguments, const std::string& input = {},
                                const std::map<std::string, std::string>& environment = {}) {
  arguments.insert(arguments.begin(), MILLRACE_PROGRAM);
  return support::run_process({.arguments = arguments, .environment = environment, .input = input},
                              kDeadline);
}

std::string last_line_of(const std::string& text) {
  return text.size() < 2 ? text : text.substr(text.rfind('\n', text.size() - 2) + 1);
}

// A failure prints one line, on standard error.
void expect_failure(const support::ProcessResult& result, int code, const std::string& part) {
  EXPECT_EQ(result.exit_code, code) << result.describe();
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, StartsWith("millrace: "));
  EXPECT_THAT(result.err, EndsWith("\n"));
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr(part));
}

TEST(Program, PrintsHelpAndVersionOnStandardOutput) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--help"}, {"--version"}, {"produce", "--help"}}) {
    const support::ProcessResult result = millrace(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.describe();
    EXPECT_THAT(result.out, HasSubstr("millrace"));
    EXPECT_THAT(result.err, IsEmpty());
  }
}

TEST(Program, EndsWithCode2OnAnUnknownOptionWhereverItStands) {
  expect_failure(millrace({"produce", "--brokrs", "b"}), 2, "did you mean --brokers?");
  expect_failure(millrace({"options-markdown"}, {}, {{"MILLRACE_BROKRS", "b"}}), 2,
                 "did you mean MILLRACE_BROKERS?");
  expect_failure(millrace({"prodce"}), 2, "did you mean produce?");
}

TEST(Program, FailsInJsonWhereItsLogIsJson) {
  const support::ProcessResult result =
      millrace({"train", "--brokers", "127.0.0.1:1", "--topic", "t", "--features", "1", "--state",
                "/dev/null", "--log-format", "json"});
  EXPECT_EQ(result.exit_code, 6) << result.describe();
  const auto line = nlohmann::json::parse(result.err);
  EXPECT_EQ(line.at("event"), "failure");
  EXPECT_EQ(line.at("exit_code"), 6);
  EXPECT_THAT(line.at("message").get<std::string>(), HasSubstr("/dev/null"));
}

TEST(Program, TellsWhatThisMachineHas) {
  const support::ProcessResult text = millrace({"doctor"});
  EXPECT_EQ(text.exit_code, 0) << text.describe();
  EXPECT_THAT(text.out, HasSubstr("--engine auto trains on "));
  const support::ProcessResult result = millrace({"doctor", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_EQ(report.at("schema_version"), 1);
  EXPECT_THAT(report.at("cpu").at("engine").get<std::string>(), StartsWith("cpu, "));
  EXPECT_EQ(report.at("librdkafka").at("version"), rd_kafka_version_str());
}

TEST(Program, SaysSoWhenItsOutputCannotBeWritten) {
  const support::ProcessResult result =
      support::run_process({.arguments = {"sh", "-c", MILLRACE_PROGRAM " --help > /dev/full"}}, kDeadline);
  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("writing to standard output"));
}

class Produce : public ::testing::Test {
 protected:
  support::ProcessResult produce(std::vector<std::string> more, const std::string& input = {}) {
    more.insert(more.begin(), {"produce", "--brokers", broker_.brokers()});
    return millrace(more, input);
  }

  std::int64_t records_in(const std::string& topic) {
    std::int64_t records = 0;
    const auto description = describe_topic({.brokers = broker_.brokers()}, topic);
    for (const auto& partition : description->partitions) records += partition.end;
    return records;
  }

  EmbeddedBroker broker_{{{"one", 1}, {"two", 2}}};
};

TEST_F(Produce, SendsTheArticlesPartsToTheirTopics) {
  const std::string file = MILLRACE_SOURCE_DIR "/data/breast-cancer-wisconsin.csv";
  const std::vector<std::string> rest = {"--file",       file,      "--label",      "class",
                                         "--label-map",  "2=0,4=1", "--split-seed", "1",
                                         "--test-share", "0.4",     "--json"};
  std::vector<std::string> train = {"--topic", "one", "--part", "train"};
  train.insert(train.end(), rest.begin(), rest.end());
  std::vector<std::string> test = {"--topic", "two", "--part", "test"};
  test.insert(test.end(), rest.begin(), rest.end());

  const support::ProcessResult trained = produce(train);
  ASSERT_EQ(trained.exit_code, 0) << trained.describe();
  const auto summary = nlohmann::json::parse(trained.out);
  EXPECT_EQ(summary.at("schema_version"), 1);
  EXPECT_EQ(summary.at("rows"), 419);
  EXPECT_EQ(summary.at("partitions"), (nlohmann::json{{"0", 419}}));
  EXPECT_GT(summary.at("bytes"), 419 * 18);
  EXPECT_GT(summary.at("seconds"), 0.0);
  EXPECT_GT(summary.at("rows_per_s"), 0.0);
  EXPECT_EQ(records_in("one"), 419);

  const support::ProcessResult tested = produce(test);
  ASSERT_EQ(tested.exit_code, 0) << tested.describe();
  const auto partitions = nlohmann::json::parse(tested.out).at("partitions");
  EXPECT_EQ(partitions.size(), 2U);
  EXPECT_GT(partitions.at("0"), 0) << "murmur2 parts the keys 0 and 1";
  EXPECT_GT(partitions.at("1"), 0);
  EXPECT_EQ(records_in("two"), 280);
}

TEST_F(Produce, ReadsStandardInputAndRepeatsIt) {
  const support::ProcessResult result = produce({"--topic", "one", "--repeat", "3"}, "a,b\n1,2\n3,4\n");
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, StartsWith("6 rows (18 bytes) in "));
  EXPECT_EQ(records_in("one"), 6);
}

TEST_F(Produce, KeepsToItsRate) {
  const support::ProcessResult result =
      produce({"--topic", "one", "--rate", "20", "--json"}, "a\n1\n2\n3\n4\n5\n");
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_GE(nlohmann::json::parse(result.out).at("seconds"), 4 / 20.0)
      << "the fifth row is due after four intervals";
}

TEST_F(Produce, NamesFileAndLineOfABadRowAndSendsThoseBeforeIt) {
  const support::TempDir folder;
  const std::string file = (folder / "rows.csv").string();
  std::ofstream(file) << "a,b\n1,2\n3\n";
  expect_failure(produce({"--topic", "one", "--file", file}), 5,
                 file + ":3: expected 2 fields as in the header, found 1 (rows sent before it: 1)");
  EXPECT_EQ(records_in("one"), 1);
}

TEST_F(Produce, FindsUnknownColumnsAndFilesBeforeItTalksToABroker) {
  EXPECT_EQ(records_in("one"), 0);
  expect_failure(
      millrace({"produce", "--brokers", "127.0.0.1:1", "--topic", "t", "--label", "clas"}, "a,class\n1,2\n"),
      2, "did you mean class?");
  expect_failure(
      millrace({"produce", "--brokers", "127.0.0.1:1", "--topic", "t", "--file", "/nowhere/rows.csv"}), 2,
      "/nowhere/rows.csv");
  expect_failure(millrace({"produce", "--brokers", "127.0.0.1:1", "--topic", "t", "--file", "/tmp"}), 2,
                 "Is a directory");
}

TEST_F(Produce, EndsWithCode3WhereNoBrokerAnswers) {
  expect_failure(
      millrace({"produce", "--brokers", "127.0.0.1:1", "--topic", "t", "--kafka-timeout-ms", "1500"},
               "a\n1\n"),
      3, "--brokers");
}

TEST_F(Produce, NamesPartitionsWhereTheTopicIsMissing) {
  rd_kafka_mock_topic_set_error(broker_.cluster(), "three", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  expect_failure(produce({"--topic", "three"}, "a\n1\n"), 3, "--partitions");
}

TEST_F(Produce, RefusesAnotherNumberOfPartitionsThanTheTopicHas) {
  expect_failure(produce({"--topic", "two", "--partitions", "3"}, "a\n1\n"), 2,
                 "--partitions \"3\": topic two is there already, with 2");
  EXPECT_EQ(produce({"--topic", "two", "--partitions", "2"}, "a\n1\n").exit_code, 0);
}

TEST(Train, ThatWaitsForABrokerWhichNobodyReachesStopsSoonAndWithSuccess) {
  const support::TempDir folder;
  support::Process training(
      {.arguments = {MILLRACE_PROGRAM, "train", "--brokers", "127.0.0.1:1", "--topic", "t", "--features", "9",
                     "--label", "key", "--state", folder / "state", "--listen", "0", "--quiet"}});
  ASSERT_TRUE(training.wait_for_line("Listening on", kDeadline));
  const auto asked = std::chrono::steady_clock::now();
  training.send(SIGTERM);
  const support::ProcessResult ended = training.wait(kDeadline);
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(5));
  EXPECT_THAT(ended.err, HasSubstr("nothing was trained, and nothing is lost"));
}

TEST(Train, TellsInJsonThatItWasStoppedBeforeItHadBegunWhereItsLogIsJson) {
  const support::TempDir folder;
  support::Process training(
      {.arguments = {MILLRACE_PROGRAM, "train", "--brokers", "127.0.0.1:1", "--topic", "t", "--features", "9",
                     "--state", folder / "state", "--listen", "0", "--log-format", "json"}});
  ASSERT_TRUE(training.wait_for_line("Listening on", kDeadline));
  training.send(SIGTERM);
  const support::ProcessResult ended = training.wait(kDeadline);
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
  const auto last = nlohmann::json::parse(last_line_of(ended.err));
  EXPECT_EQ(last.at("event"), "note");
  EXPECT_THAT(last.at("message").get<std::string>(), HasSubstr("nothing was trained"));
}

using Inspect = Produce;

TEST_F(Inspect, NamesTheRowOfARecordThatAWindowCut) {
  const support::TempDir folder;
  ASSERT_EQ(produce({"--topic", "one", "--label", "y", "--format", "packed", "--rows-per-record", "2"},
                    "a,y\n1,0\n2,1\n3,0\n4,1\n")
                .exit_code,
            0);
  ASSERT_EQ(produce({"--topic", "one"}, "a\n5\n").exit_code, 0);  // a bad one, which ends the run
  const support::ProcessResult refused = millrace(
      {"train", "--brokers", broker_.brokers(), "--topic", "one", "--features", "1", "--label", "value:y",
       "--format", "packed", "--window-rows", "3", "--stop", "end", "--state", folder / "state", "--quiet"});
  ASSERT_EQ(refused.exit_code, 5) << refused.describe();
  const auto state = nlohmann::json::parse(millrace({"inspect", folder / "state", "--json"}).out);
  EXPECT_EQ(state.at("positions"), nlohmann::json::parse(R"({"one": {"0": 1}})"));
  EXPECT_EQ(state.at("position_rows"), nlohmann::json::parse(R"({"one": {"0": 1}})"));
  EXPECT_THAT(millrace({"inspect", folder / "state"}).out, HasSubstr("one/0 at offset 1, row 1\n"));
}

using Evaluate = Produce;

TEST_F(Evaluate, ThatWaitsForABrokerWhichDoesNotAnswerStopsSoonAndWithSuccess) {
  const support::TempDir folder;
  ASSERT_EQ(produce({"--topic", "one", "--label", "y"}, "a,y\n1,0\n2,1\n").exit_code, 0);
  const support::ProcessResult trained =
      millrace({"train", "--brokers", broker_.brokers(), "--topic", "one", "--features", "1", "--label",
                "key", "--stop", "end", "--state", folder / "state"});
  ASSERT_EQ(trained.exit_code, 0) << trained.describe();

  support::SilentServer silent;
  support::Process evaluation({.arguments = {MILLRACE_PROGRAM, "evaluate", "--brokers", silent.address(),
                                             "--topic", "one", "--state", folder / "state"}});
  silent.await_caller();
  const auto asked = std::chrono::steady_clock::now();
  evaluation.send(SIGTERM);
  const support::ProcessResult ended = evaluation.wait(kDeadline);
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(4));
  EXPECT_THAT(ended.err, HasSubstr("nothing was evaluated"));
  EXPECT_THAT(ended.err, Not(HasSubstr("trained")));
}

TEST_F(Evaluate, EndsItsProgressWithLossAndAuc) {
  const support::TempDir folder;
  ASSERT_EQ(produce({"--topic", "one", "--label", "y"}, "a,y\n1,0\n2,1\n").exit_code, 0);
  const std::vector<std::string> read = {"--brokers", broker_.brokers(), "--topic",       "one", "--stop",
                                         "end",       "--state",         folder / "state"};
  std::vector<std::string> train = {"train", "--features", "1", "--label", "key"};
  train.insert(train.end(), read.begin(), read.end());
  ASSERT_EQ(millrace(train).exit_code, 0);
  std::vector<std::string> evaluate = {"evaluate", "--json", "--log-format", "json"};
  evaluate.insert(evaluate.end(), read.begin(), read.end());
  const support::ProcessResult evaluated = millrace(evaluate);
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.describe();
  const auto summary = nlohmann::json::parse(evaluated.out);
  const auto last = nlohmann::json::parse(last_line_of(evaluated.err));
  EXPECT_EQ(last.at("event"), "end") << evaluated.err;
  for (const char* metric : {"loss", "auc"}) {
    EXPECT_TRUE(last.at(metric).is_number()) << last;
    EXPECT_EQ(last.at(metric), summary.at(metric));
  }
}

}  // namespace
}  // namespace millrace
