// From rows in a file through a broker to a network that is scored, with stops and starts between.
#include <chrono>
#include <csignal>
#include <fstream>
#include <gmock/gmock.h>
#include <thread>

#include "integration/kafka_test.h"

namespace millrace {
namespace {

using std::chrono::seconds;
using support::KafkaBroker;
using support::Process;
using support::ProcessResult;

constexpr std::chrono::milliseconds kBetweenLooks{20};  // so that looking does not take the processor away

class LifeCycle : public KafkaTest {
 protected:
  [[nodiscard]] std::int64_t rows_in_state() const {
    const ProcessResult result = run_millrace(inspect());
    return result.exit_code == 0 ? json_count(result.out, "/rows") : 0;
  }

  // Waits until checkpoints hold at least so many rows, or the training has ended; returns how many they hold
  // then.
  [[nodiscard]] std::int64_t wait_for_rows(std::int64_t rows, Process& training) const {
    const auto deadline = std::chrono::steady_clock::now() + kRunLimit;
    while (true) {
      const bool last_look = !training.running() || std::chrono::steady_clock::now() > deadline;
      const std::int64_t trained = rows_in_state();
      if (trained >= rows || last_look) return trained;
      std::this_thread::sleep_for(kBetweenLooks);
    }
  }

  // The command line under test, the same for every start.
  [[nodiscard]] Words stoppable() const {
    return train_for_ever(
        topic_, {"--standardize", "--window-rows", "256", "--window-ms", "200", "--checkpoint-ms", "200"});
  }
};

TEST_F(LifeCycle, TheSameCommandLineStartsAndGoesOnAfterASignal) {
  broker_.create_topic(topic_, 2);
  succeed(produce(topic_, {"--repeat", "20", "--partitioner", "random"}));
  constexpr std::int64_t kFirst = 20 * kRowsInFile;

  Process first(millrace_command(stoppable()));
  ASSERT_GE(wait_for_rows(1, first), 1) << first.wait(seconds(0)).describe();
  first.send(SIGTERM);
  const ProcessResult stopped = first.wait(kRunLimit);
  ASSERT_EQ(stopped.exit_code, 0) << stopped.describe();
  const std::int64_t trained = json_count(stopped.out, "/rows");
  EXPECT_GE(trained, 1);
  EXPECT_EQ(rows_in_state(), trained);

  succeed(produce(topic_, {"--partitioner", "random"}));
  constexpr std::int64_t kAll = kFirst + kRowsInFile;
  Process second(millrace_command(stoppable()));
  ASSERT_EQ(wait_for_rows(kAll, second), kAll) << second.wait(seconds(0)).describe();
  second.send(SIGINT);
  const ProcessResult ended = second.wait(kRunLimit);
  ASSERT_EQ(ended.exit_code, 0) << ended.describe();
  EXPECT_EQ(json_count(ended.out, "/rows"), kAll - trained);
  EXPECT_EQ(json_count(ended.out, "/lifetime/rows"), kAll);
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);

  const ProcessResult evaluated = succeed(evaluate(topic_));
  EXPECT_EQ(json_count(evaluated.out, "/rows"), kAll);
  EXPECT_GT(json_number(evaluated.out, "/accuracy"), 0.95);  // 0.655 are of one class
}

TEST_F(LifeCycle, WhatWasTrainedIsSavedInTimeEvenIfNothingMoreArrives) {
  succeed(produce(topic_, {"--partitions", "1"}));
  Process training(millrace_command(
      train_for_ever(topic_, {"--window-rows", "128", "--window-ms", "100", "--checkpoint-ms", "2000"})));
  EXPECT_EQ(wait_for_rows(kRowsInFile, training), kRowsInFile) << training.wait(seconds(0)).describe();
}

TEST_F(LifeCycle, LearnsInTheSettingOfTheArticle) {
  const std::string test_topic = topic_ + "-test";
  const Words split = {"--split-seed", "1", "--test-share", "0.4"};
  succeed(produce(topic_, joined(split, {"--part", "train", "--partitions", "1"})));
  succeed(produce(test_topic, joined(split, {"--part", "test", "--partitions", "2"})));

  const ProcessResult trained = succeed(train(topic_));
  EXPECT_EQ(json_count(trained.out, "/rows"), 419);
  EXPECT_EQ(json_count(trained.out, "/steps"), 3 * 14);  // epochs x batches of 32
  const ProcessResult evaluated = succeed(evaluate(test_topic));
  EXPECT_EQ(json_count(evaluated.out, "/rows"), 280);
  // Of 20 random splits the worst had 0.839; how good the median is, is a test of its own.
  EXPECT_GT(json_number(evaluated.out, "/accuracy"), 0.80);
  EXPECT_LT(json_number(evaluated.out, "/loss"), 0.6);
  EXPECT_GT(json_number(evaluated.out, "/auc"), 0.90);
}

TEST_F(LifeCycle, TrainsEveryRowOfFourPartitionsAndLeavesNoLag) {
  succeed(produce(topic_, {"--repeat", "3", "--partitions", "4", "--partitioner", "random"}));
  const ProcessResult trained = succeed(train(topic_, {"--window-rows", "500"}));
  EXPECT_EQ(json_count(trained.out, "/rows"), 3 * kRowsInFile);
  EXPECT_EQ(json_count(trained.out, "/bad_records"), 0);
  std::int64_t positions = 0;
  for (const char* partition : {"0", "1", "2", "3"}) {
    const std::int64_t position = json_count(trained.out, "/positions/" + topic_ + "/" + partition);
    EXPECT_GT(position, 0);
    positions += position;
  }
  EXPECT_EQ(positions, 3 * kRowsInFile);
  EXPECT_EQ(broker_.group_lag(group_, topic_), 0);
}

TEST_F(LifeCycle, RunsOfWholeWindowsEqualOneRunBitForBit) {
  succeed(produce(topic_, {"--repeat", "2", "--partitions", "3", "--partitioner", "random"}));
  const Words windows = {"--window-rows", "200", "--window-ms", "60000", "--standardize"};
  const auto inspect_state = [this](const std::string& name) {
    return succeed({"inspect", folder_ / name, "--json"}).out;
  };
  const auto train_into = [&](const std::string& name, const Words& more) {
    succeed(joined(joined({"train", "--brokers", broker_.brokers(), "--topic", topic_, "--features", "9",
                           "--state", folder_ / name, "--quiet"},
                          windows),
                   more));
  };
  train_into("one", {"--stop", "end"});
  train_into("parts", {"--stop", "records:400"});
  train_into("parts", {"--stop", "records:600"});
  train_into("parts", {"--stop", "end"});
  const std::string one = inspect_state("one");
  const std::string parts = inspect_state("parts");
  EXPECT_EQ(json_count(one, "/rows"), 2 * kRowsInFile);
  EXPECT_EQ(json_count(parts, "/rows"), 2 * kRowsInFile);
  EXPECT_EQ(json_text(parts, "/weights_digest"), json_text(one, "/weights_digest"));
  EXPECT_EQ(json_text(parts, "/state_digest"), json_text(one, "/state_digest"));
}

TEST_F(LifeCycle, ASecondRunToTheEndFindsNothingMoreToTrain) {
  succeed(produce(topic_, {"--partitions", "1"}));
  succeed(train(topic_));
  const ProcessResult again = succeed(train(topic_));
  EXPECT_EQ(json_count(again.out, "/rows"), 0);
  EXPECT_EQ(json_count(again.out, "/lifetime/rows"), kRowsInFile);
}

TEST_F(LifeCycle, ReadsSeveralTopicsAsOneStream) {
  const std::string other = topic_ + "-other";
  succeed(produce(topic_, {"--partitions", "1"}));
  succeed(produce(other, {"--partitions", "2"}));
  const ProcessResult trained = succeed(train(topic_ + "," + other));
  EXPECT_EQ(json_count(trained.out, "/rows"), 2 * kRowsInFile);
}

TEST_F(LifeCycle, TrainsWhatKcatWrites) {
  broker_.create_topic(topic_, 1);
  support::Command kcat{.arguments = {"kcat", "-P", "-b", broker_.brokers(), "-t", topic_, "-K", "|"}};
  std::ifstream file(kRowsFile);
  std::string row;
  std::getline(file, row);
  while (std::getline(file, row)) {
    const std::size_t comma = row.rfind(',');
    kcat.input += (row.substr(comma + 1) == "4" ? "1|" : "0|") + row.substr(0, comma) + "\n";
  }
  const ProcessResult written = support::run_process(kcat, kRunLimit);
  ASSERT_EQ(written.exit_code, 0) << written.describe();

  const ProcessResult trained = succeed(train(topic_));
  EXPECT_EQ(json_count(trained.out, "/rows"), kRowsInFile);
}

TEST_F(LifeCycle, ADeadBrokerCannotHoldTheProgram) {
  KafkaBroker mortal(broker_.version());
  mortal.create_topic(topic_, 1);
  support::RecordProducer(mortal.brokers())
      .send(topic_, 0, {{"0", "5,1,1,1,2,1,3,1,1"}, {"1", "8,10,10,8,7,10,9,7,1"}});
  Process training(
      millrace_command({"train", "--brokers", mortal.brokers(), "--topic", topic_, "--features", "9",
                        "--state", state(), "--window-ms", "100", "--checkpoint-ms", "100", "--json"}));
  ASSERT_EQ(wait_for_rows(2, training), 2) << training.wait(seconds(0)).describe();
  mortal.kill();
  training.send(SIGTERM);
  const ProcessResult ended = training.wait(seconds(20));
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
  EXPECT_EQ(rows_in_state(), 2);
}

}  // namespace
}  // namespace millrace
