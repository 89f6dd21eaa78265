// `millrace predict` from topic to topic: each row has its prediction once, whoever dies meanwhile.
//
// The reader that counts is a read_committed consumer of the test's own. TEST_PREDICT_SEED says when
// processes are killed, TEST_PREDICT_KILLS how often.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <stop_token>
#include <thread>
#include <utility>

#include "integration/kafka_test.h"
#include "support/http_get.h"
#include "support/record_reader.h"
#include "support/topic_admin.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using support::KafkaBroker;
using support::Process;
using support::ProcessResult;
using support::RawRecord;
using support::ReadRecord;
using ::testing::HasSubstr;

constexpr std::int32_t kPartitions = 3;

// Rows of two features; their numbers are their keys.
std::vector<RawRecord> numbered(std::int64_t first, std::int64_t count) {
  std::vector<RawRecord> records;
  for (std::int64_t number = first; number < first + count; ++number) {
    records.push_back(
        {std::to_string(number), std::to_string(number % 97) + "," + std::to_string(number % 7)});
  }
  return records;
}

class Predict : public KafkaTest {
 protected:
  void use(KafkaBroker& broker) { used_ = &broker; }

  void make_topics() {
    used_->create_topic(topic_, kPartitions);
    used_->create_topic(to_, kPartitions);
    train_more();
  }
  // A network of two features; each call makes a newer checkpoint.
  void train_more() {
    const std::string rows = topic_ + "-labels-" + std::to_string(++trainings_);
    used_->create_topic(rows, 1);
    support::RecordProducer(used_->brokers()).send(rows, 0, {{"0", "1,1"}, {"1", "90,5"}, {"0", "2,6"}});
    succeed({"train", "--brokers", used_->brokers(), "--topic", rows, "--features", "2", "--layers", "8",
             "--engine", "cpu", "--state", state(), "--stop", "end", "--quiet"});
  }

  [[nodiscard]] Words predict(const Words& more = {}) const {
    return joined({"predict", "--brokers", used_->brokers(), "--topic", topic_, "--to", to_, "--group",
                   group_, "--state", state(), "--json", "--quiet"},
                  more);
  }

  [[nodiscard]] std::vector<ReadRecord> predictions() const {
    return support::read_topic(used_->brokers(), to_, kPartitions);
  }
  // A broker shows the records of a transaction some time after it has said that it is committed.
  [[nodiscard]] std::vector<ReadRecord> predictions(std::size_t at_least) const {
    std::vector<ReadRecord> found;
    static_cast<void>(
        comes_true_within(kRunLimit, [&] { return (found = predictions()).size() >= at_least; }));
    return found;
  }

  // Each record of the topic has one prediction: in the partition of its number, in order, with its key.
  void expect_each_once() const {
    const std::vector<ReadRecord> rows = support::read_topic(used_->brokers(), topic_, kPartitions);
    const std::vector<ReadRecord> found = predictions(rows.size());
    ASSERT_EQ(found.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(found[i].header("millrace.topic"), topic_);
      ASSERT_EQ(found[i].header("millrace.partition"), std::to_string(rows[i].partition)) << i;
      ASSERT_EQ(found[i].header("millrace.offset"), std::to_string(rows[i].offset)) << i;
      ASSERT_EQ(found[i].header("millrace.timestamp"), std::to_string(rows[i].timestamp_ms)) << i;
      ASSERT_EQ(found[i].partition, rows[i].partition) << i;
      ASSERT_EQ(found[i].key, rows[i].key) << i;
    }
  }

  KafkaBroker* used_ = &broker_;
  const std::string to_ = topic_ + "-predictions";
  int trainings_ = 0;

  // A broker of its own, two processes of a group, and rows that go on coming until all is over.
  void kill_again_and_again(std::int64_t kills);
};

TEST_F(Predict, GivesEachRowItsPredictionInOrder) {
  make_topics();
  support::RecordProducer producer(broker_.brokers());
  for (std::int32_t partition = 0; partition < kPartitions; ++partition)
    producer.send(topic_, partition, numbered(1'000 * partition, 700 + partition));
  const ProcessResult result = succeed(predict({"--stop", "end"}));
  EXPECT_EQ(json_count(result.out, "/rows"), 3 * 700 + 3);
  EXPECT_GT(json_number(result.out, "/latency_p99_ms"), 0);

  expect_each_once();
  const std::vector<ReadRecord> found = predictions();
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);
  const auto value = nlohmann::json::parse(*found.front().value);
  EXPECT_THAT(value.at("probability").get<double>(), ::testing::AllOf(::testing::Gt(0), ::testing::Lt(1)));
  EXPECT_EQ(value.at("class"), value.at("probability").get<double>() >= 0.5 ? 1 : 0);
  EXPECT_EQ(value.at("model"), found.front().header("millrace.model"));
  EXPECT_EQ(value.at("model"), json_text(result.out, "/model"));

  // Nothing is left for a second run.
  EXPECT_EQ(json_count(succeed(predict({"--stop", "end"})).out, "/records"), 0);
}

TEST_F(Predict, WritesCsvAndPredictsAsFromStandardInput) {
  make_topics();
  support::RecordProducer(broker_.brokers()).send(topic_, 0, {{std::nullopt, "3,4"}});
  succeed(predict({"--stop", "end", "--output", "csv"}));
  const std::vector<ReadRecord> found = predictions(1);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, std::nullopt);
  support::Command command =
      millrace_command({"predict", "--stdin", "--state", state(), "--output", "csv", "--quiet"});
  command.input = "3,4\n";
  EXPECT_EQ(*found[0].value + "\n", support::run_process(command, kRunLimit).out);
}

TEST_F(Predict, GivesEachRowOfPackedRecordsItsPredictionOnceInJsonAndInCsv) {
  constexpr std::size_t kRows = 250;
  constexpr std::size_t kRowsPerRecord = 100;
  make_topics();
  const std::string packed = topic_ + "-packed";
  used_->create_topic(packed, 1);
  std::string rows;
  for (const RawRecord& row : numbered(0, kRows)) rows += *row.value + "\n";
  std::ofstream(folder_ / "rows.csv") << "a,b\n" << rows;
  succeed({"produce", "--brokers", used_->brokers(), "--topic", packed, "--file", folder_ / "rows.csv",
           "--format", "packed", "--rows-per-record", std::to_string(kRowsPerRecord), "--quiet"});

  support::Command command =
      millrace_command({"predict", "--stdin", "--state", state(), "--output", "csv", "--quiet"});
  command.input = rows;
  std::istringstream row_by_row(support::run_process(command, kRunLimit).out);
  std::vector<std::string> expected;
  for (std::string line; std::getline(row_by_row, line);) expected.push_back(line);
  ASSERT_EQ(expected.size(), kRows);

  for (const std::string output : {"csv", "json"}) {
    const std::string to = to_ + "-" + output;
    used_->create_topic(to, 1);
    const Words predict = {
        "predict", "--brokers", used_->brokers(), "--topic", packed,     "--to", to,       "--group", to,
        "--state", state(),     "--format",       "packed",  "--output", output, "--json", "--quiet"};
    std::int64_t predicted = 0;
    for (const char* stop : {"records:2", "end", "end"})
      predicted += json_count(succeed(joined(predict, {"--stop", stop})).out, "/rows");
    EXPECT_EQ(predicted, kRows) << output;

    std::vector<ReadRecord> found;
    ASSERT_TRUE(comes_true_within(kRunLimit, [&] {
      return (found = support::read_topic(used_->brokers(), to, 1)).size() >= kRows;
    })) << found.size();
    ASSERT_EQ(found.size(), kRows) << output;
    for (std::size_t row = 0; row < kRows; ++row) {
      EXPECT_EQ(found[row].header("millrace.offset"), std::to_string(row / kRowsPerRecord)) << row;
      EXPECT_EQ(found[row].header("millrace.row"), std::to_string(row % kRowsPerRecord)) << row;
      std::string told = *found[row].value;
      if (output == "json") {
        const auto value = nlohmann::json::parse(told);
        told = value.at("probability").dump() + "," + value.at("class").dump() + "," +
               value.at("model").get<std::string>();
      }
      EXPECT_EQ(told, expected[row]) << output << ", row " << row;
    }
  }
}

TEST_F(Predict, TakesUpTheCheckpointsOfATrainerWhileItRuns) {
  make_topics();
  support::RecordProducer producer(broker_.brokers());
  producer.send(topic_, 0, numbered(0, 1));
  Process running(millrace_command(predict({"--listen", "0"})));
  const auto line = running.wait_for_line("Listening on http://127.0.0.1:[0-9]+/", kRunLimit);
  ASSERT_TRUE(line) << running.wait(0s).describe();
  const auto port = static_cast<std::uint16_t>(std::stoi(line->substr(line->rfind(':') + 1)));
  ASSERT_TRUE(comes_true_within(kRunLimit, [&] { return predictions().size() == 1; })) << running.err();
  std::filesystem::remove_all(state());  // another network, so that its numbers begin anew
  train_more();
  train_more();
  const std::string first = predictions().front().header("millrace.model");
  std::int64_t sent = 1;
  ASSERT_TRUE(comes_true_within(kRunLimit, [&] {
    producer.send(topic_, 0, numbered(sent++, 1));
    return predictions().back().header("millrace.model") != first;
  }));
  const std::string newer = predictions().back().header("millrace.model");
  EXPECT_TRUE(comes_true_within(kRunLimit, [&] {
    return support::http_get(port, "/metrics").body.find("millrace_model_info{model=\"" + newer) !=
           std::string::npos;
  })) << support::http_get(port, "/metrics").body;
  EXPECT_EQ(support::http_get(port, "/readyz").status, 200);
  running.send(SIGTERM);
  const ProcessResult result = running.wait(10s);
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_GE(json_count(result.out, "/models"), 1);
  expect_each_once();
}

TEST_F(Predict, StopsAtABadRecordAfterWhatCameBeforeItAndGoesOnWhereItMay) {
  make_topics();
  support::RecordProducer(broker_.brokers())
      .send(topic_, 0, {{"a", "1,2"}, {"t", std::nullopt}, {"b", "1,x"}, {"c", "3,4"}});
  for (int run = 0; run < 2; ++run) {
    const ProcessResult refused = run_millrace(predict({"--stop", "end"}));
    EXPECT_EQ(refused.exit_code, 5) << refused.describe();
    EXPECT_THAT(refused.err, HasSubstr("offset 2 of " + topic_ + "/0"));
    EXPECT_EQ(predictions(1).size(), 1U);
  }
  const ProcessResult result = succeed(predict({"--stop", "end", "--errors-tolerance", "all"}));
  EXPECT_EQ(json_count(result.out, "/bad_records_by_reason/not_a_number"), 1);
  const std::vector<ReadRecord> found = predictions(2);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.back().key, "c");
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);
}

TEST_F(Predict, PredictsCommittedRecordsAloneAndLeavesNoLagBehindThem) {
  make_topics();
  support::RecordProducer producer(broker_.brokers(), topic_);
  producer.begin_transaction();
  producer.send(topic_, 0, numbered(0, 5));
  producer.commit_transaction();
  producer.begin_transaction();
  producer.send(topic_, 0, numbered(5, 7));
  producer.abort_transaction();
  succeed(predict({"--stop", "end"}));
  EXPECT_EQ(predictions(5).size(), 5U);
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);
}

TEST_F(Predict, BeginsWhereATransactionOfSomebodyElseSaysOnceItIsDecided) {
  make_topics();
  support::RecordProducer producer(broker_.brokers());
  producer.send(topic_, 0, numbered(0, 5));
  support::RecordProducer other(broker_.brokers(), topic_ + "-other");
  other.begin_transaction();
  other.send_offset(group_, topic_, 0, 3);
  Process running(millrace_command(predict({"--stop", "end"})));
  const auto is_a_member = [&] {
    return broker_
               .run_tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                         {"--describe", "--group", group_, "--members"})
               .find("millrace-") != std::string::npos;
  };
  ASSERT_TRUE(comes_true_within(kRunLimit, is_a_member)) << running.err();
  other.commit_transaction();
  const ProcessResult result = running.wait(kRunLimit);
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(json_count(result.out, "/rows"), 2);
}

TEST_F(Predict, BeginsAtTheEndWhereItIsToldToAndKeepsThatPlace) {
  make_topics();
  support::RecordProducer producer(broker_.brokers());
  producer.send(topic_, 0, numbered(0, 5));
  succeed(predict({"--from", "end", "--stop", "end"}));
  producer.send(topic_, 0, numbered(5, 2));
  succeed(predict({"--from", "end", "--stop", "end"}));
  EXPECT_EQ(predictions(2).size(), 2U);
}

TEST_F(Predict, NamesRecordsThatAreLostAndGoesOnWhereItIsAllowedTo) {
  make_topics();
  support::RecordProducer producer(broker_.brokers());
  producer.send(topic_, 0, numbered(0, 5));
  succeed(predict({"--stop", "records:2"}));
  support::TopicAdmin(broker_.brokers()).delete_records(topic_, 0, 4);
  const ProcessResult lost = run_millrace(predict({"--stop", "end"}));
  EXPECT_EQ(lost.exit_code, 4) << lost.describe();
  EXPECT_THAT(lost.err, HasSubstr("from offset 2 on were deleted"));
  const ProcessResult result = succeed(predict({"--stop", "end", "--on-data-loss", "continue"}));
  EXPECT_EQ(json_count(result.out, "/lost_offsets"), 2);
  EXPECT_EQ(predictions(3).size(), 3U);
}

TEST_F(Predict, SharesTheWorkWithAnotherProcessOfTheGroup) {
  make_topics();
  support::RecordProducer producer(broker_.brokers());
  std::int64_t sent = 0;
  const auto send_everywhere = [&] {
    for (std::int32_t partition = 0; partition < kPartitions; ++partition)
      producer.send(topic_, partition, numbered(sent++, 1));
  };
  Process first(millrace_command(predict()));
  send_everywhere();
  ASSERT_TRUE(comes_true_within(kRunLimit, [&] { return predictions().size() == 3; })) << first.err();
  Process second(millrace_command(predict({"--instance", "second"})));
  const auto second_has_some = [&] {
    const std::string table = broker_.run_tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                                               {"--describe", "--group", group_});
    return table.find("second-") != std::string::npos;
  };
  ASSERT_TRUE(comes_true_within(kRunLimit, second_has_some)) << second.err();
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < deadline && sent < 60) send_everywhere();
  ASSERT_TRUE(comes_true_within(kRunLimit, [&] { return std::cmp_equal(predictions().size(), sent); }));
  for (Process* process : {&first, &second}) {
    process->send(SIGTERM);
    const ProcessResult result = process->wait(10s);
    ASSERT_EQ(result.exit_code, 0) << result.describe();
    EXPECT_GT(json_count(result.out, "/rows"), 0) << result.describe();
  }
  expect_each_once();
}

void Predict::kill_again_and_again(std::int64_t kills) {
  KafkaBroker broker(broker_.version());
  use(broker);
  make_topics();
  std::int64_t sent = 0;
  std::jthread writing([&](const std::stop_token& enough) {
    constexpr auto kBetween = 30ms;  // so that there is always something to do, and not too much to count
    support::RecordProducer producer(broker.brokers());
    while (!enough.stop_requested()) {
      for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
        producer.send(topic_, partition, numbered(sent, 10));
        sent += 10;
      }
      std::this_thread::sleep_for(kBetween);
    }
  });

  // Who has a name takes its place again at once; who has none is missed after the session's time.
  const Words quick = {"-X", "session.timeout.ms=2000",     "-X",          "heartbeat.interval.ms=500",
                       "-X", "transaction.timeout.ms=2000", "--commit-ms", "10"};
  const std::vector<Words> lines = {predict(joined(quick, {"--instance", "named"})), predict(quick)};
  std::vector<std::unique_ptr<Process>> running(lines.size());
  std::int64_t fenced = 0;
  const auto see_that_they_run = [&] {
    for (std::size_t i = 0; i < running.size(); ++i) {
      if (running[i] && !running[i]->running()) {
        const ProcessResult ended = running[i]->wait(0s);
        ASSERT_EQ(ended.exit_code, 3) << ended.describe();
        EXPECT_THAT(ended.err, HasSubstr("start it again")) << ended.describe();
        ++fenced;
        running[i].reset();
      }
      if (!running[i]) running[i] = std::make_unique<Process>(millrace_command(lines[i]));
    }
  };
  const auto advance = [&] {
    const std::size_t before = predictions().size();
    ASSERT_TRUE(comes_true_within(kRunLimit,
                                  [&] {
                                    see_that_they_run();
                                    return predictions().size() > before;
                                  }))
        << running.front()->err() << running.back()->err();
  };

  const char* const seed = std::getenv("TEST_PREDICT_SEED");
  std::mt19937_64 random(seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1);
  see_that_they_run();
  advance();
  for (std::int64_t killed = 0; killed < kills && !HasFatalFailure(); ++killed) {
    // More often who is back at once.
    Process& victim = *running[random() % 4 == 0 ? 1 : 0];
    static_cast<void>(victim.wait(milliseconds(random() % 800)));  // kills it
    running[&victim == running[0].get() ? 0 : 1].reset();
    see_that_they_run();
    if (killed == kills / 3) {
      broker.kill();
      broker.start();
    }
    if (killed == kills / 2) {
      // One that hangs until the group, and its transaction, are done with it, and then goes on.
      advance();
      const pid_t zombie = running[1]->pid();
      ::kill(zombie, SIGSTOP);
      static_cast<void>(running[0]->wait(4s));
      running[0].reset();
      see_that_they_run();
      advance();
      ::kill(zombie, SIGCONT);
    }
    if (killed % 4 == 3) advance();
  }
  writing.request_stop();
  writing.join();
  for (std::size_t i = 0; i < running.size(); ++i) {
    if (!running[i]) continue;
    running[i]->send(SIGTERM);
    const ProcessResult ended = running[i]->wait(15s);
    EXPECT_TRUE(ended.exit_code == 0 || ended.exit_code == 3) << ended.describe();
  }
  succeed(predict(joined(quick, {"--stop", "end", "--instance", "named"})));
  expect_each_once();
  RecordProperty("rows", static_cast<int>(sent));
  RecordProperty("fenced", static_cast<int>(fenced));
}

using PredictKill = Predict;

TEST_F(PredictKill, EightTimesABrokersEndAndAZombieLeaveEachRowOnePrediction) { kill_again_and_again(8); }

using SlowPredict = Predict;

TEST_F(SlowPredict, EndsInTimeWhereItsBrokerHangsAndAStopIsAskedFor) {
  KafkaBroker broker(broker_.version());
  use(broker);
  make_topics();
  support::RecordProducer(broker.brokers()).send(topic_, 0, numbered(0, 5));
  Process running(millrace_command(predict({"--commit-ms", "60000", "--instance", "one"})));
  const auto has_a_transaction = [&] {
    return broker.run_tool("org.apache.kafka.tools.TransactionsCommand", {"list"}).find("Ongoing") !=
           std::string::npos;
  };
  ASSERT_TRUE(comes_true_within(kRunLimit, has_a_transaction)) << running.err();
  broker.pause();
  running.send(SIGTERM);
  const ProcessResult ended = running.wait(10s);
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
  broker.go_on();
  succeed(predict({"--stop", "end", "--instance", "one"}));
  expect_each_once();
}

TEST_F(SlowPredict, AHundredKillsABrokersEndAndAZombieLeaveEachRowOnePrediction) {
  const char* const kills = std::getenv("TEST_PREDICT_KILLS");
  kill_again_and_again(kills != nullptr ? std::strtoll(kills, nullptr, 10) : 100);
}

}  // namespace
}  // namespace millrace
