// Logs that change under a reader: partitions added, records deleted, topics made anew.
#include <chrono>
#include <csignal>
#include <gmock/gmock.h>
#include <memory>
#include <thread>

#include "integration/kafka_test.h"
#include "support/topic_admin.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using support::Process;
using support::ProcessResult;
using support::RawRecord;
using testing::AnyOf;
using testing::HasSubstr;

constexpr int kDataLost = 4;
constexpr int kBrokerError = 3;

class Positions : public KafkaTest {
 protected:
  static std::vector<RawRecord> rows(std::size_t count) {
    return std::vector<RawRecord>(count, RawRecord{"1", "8,10,10,8,7,10,9,7,1"});
  }
  void send(std::int32_t partition, std::size_t count) {
    support::RecordProducer(broker_.brokers()).send(topic_, partition, rows(count));
  }
  // Short windows, frequent checkpoints.
  [[nodiscard]] Words live(const Words& more = {}) const {
    return train_for_ever(topic_, joined({"--window-rows", "10", "--window-ms", "50", "--checkpoint-ms", "50",
                                          "--discover-ms", "100"},
                                         more));
  }
  [[nodiscard]] std::string position_path(std::int32_t partition) const {
    return "/positions/" + topic_ + "/" + std::to_string(partition);
  }
  // Waits until a checkpoint holds the position, or the training has ended.
  void wait_for_position(Process& training, std::int32_t partition, std::int64_t offset) const {
    const auto deadline = std::chrono::steady_clock::now() + kRunLimit;
    for (;;) {
      const ProcessResult state = run_millrace(inspect());
      const std::string path = position_path(partition);
      if (state.exit_code == 0 && holds(state.out, path) && json_count(state.out, path) >= offset) return;
      ASSERT_TRUE(training.running()) << training.wait(kRunLimit).describe();
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << state.describe();
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  static bool holds(const std::string& json, const std::string& path) {
    try {
      static_cast<void>(json_count(json, path));
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }
  void make_topic_anew(int partitions) {
    admin_.delete_topic(topic_);
    broker_.create_topic(topic_, partitions);
  }

  support::TopicAdmin admin_{broker_.brokers()};
};

TEST_F(Positions, PartitionsAddedWhileRunningAreReadFromTheirBeginning) {
  broker_.create_topic(topic_, 1);
  send(0, 10);
  Process training(millrace_command(live({"--stop", "records:35", "--from", "end"})));
  wait_for_position(training, 0, 10);  // it began
  admin_.add_partitions(topic_, 2);
  send(1, 15);  // before or after it is found
  wait_for_position(training, 1, 15);
  admin_.add_partitions(topic_, 3);
  send(2, 20);
  const ProcessResult result = training.wait(kRunLimit);
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(json_count(result.out, position_path(1)), 15);
  EXPECT_EQ(json_count(result.out, position_path(2)), 20);
  EXPECT_EQ(json_count(result.out, "/rows"), 35);
}

TEST_F(Positions, PartitionsAddedBetweenRunsAreReadFromTheirBeginningWhateverFromSays) {
  broker_.create_topic(topic_, 1);
  send(0, 10);
  succeed(train(topic_, {"--from", "end"}));
  admin_.add_partitions(topic_, 2);
  send(1, 7);
  const ProcessResult second = succeed(train(topic_, {"--from", "end"}));
  EXPECT_EQ(json_count(second.out, "/rows"), 7);
  EXPECT_EQ(json_count(second.out, position_path(0)), 10);
}

TEST_F(Positions, RecordsDeletedBelowThePositionAreNamedAndPassedOverOnRequest) {
  broker_.create_topic(topic_, 1);
  send(0, 10);
  succeed(train(topic_));
  send(0, 20);
  admin_.delete_records(topic_, 0, 15);
  const ProcessResult refused = run_millrace(train(topic_));
  EXPECT_EQ(refused.exit_code, kDataLost) << refused.describe();
  EXPECT_THAT(refused.err, HasSubstr("Records of " + topic_ +
                                     "/0 from offset 10 on were deleted from the log, "
                                     "which begins at 15"));
  const ProcessResult going_on = succeed(train(topic_, {"--on-data-loss", "continue"}));
  EXPECT_EQ(json_count(going_on.out, "/rows"), 15);
  EXPECT_EQ(json_count(going_on.out, "/data_losses"), 1);
  EXPECT_EQ(json_count(going_on.out, "/lost_offsets"), 5);
  EXPECT_EQ(json_count(succeed(train(topic_)).out, "/data_losses"), 0);
}

// An open transaction holds the reader back at offset 10 while records beyond it are deleted.
TEST_F(Positions, RecordsDeletedWhileReadingAreNamed) {
  broker_.create_topic(topic_, 1);
  send(0, 10);
  Process training(millrace_command(live()));
  wait_for_position(training, 0, 10);
  support::RecordProducer producer(broker_.brokers(), topic_);
  producer.begin_transaction();
  producer.send(topic_, 0, rows(20));
  admin_.delete_records(topic_, 0, 20);
  const ProcessResult result = training.wait(kRunLimit);
  EXPECT_EQ(result.exit_code, kDataLost) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("from offset 10 on were deleted from the log, which begins at 20"));
}

TEST_F(Positions, RecordsDeletedWhileReadingArePassedOverOnRequest) {
  broker_.create_topic(topic_, 2);
  send(0, 10);
  send(1, 10);
  Process training(millrace_command(live({"--on-data-loss", "continue", "--stop", "records:44"})));
  wait_for_position(training, 0, 10);
  wait_for_position(training, 1, 10);
  support::RecordProducer producer(broker_.brokers(), topic_);
  producer.begin_transaction();
  producer.send(topic_, 0, rows(20));
  admin_.delete_records(topic_, 0, 20);
  // Nothing more comes of the deleted transaction; the reader is there again when these arrive.
  ASSERT_TRUE(training.wait_for_line("going on at its beginning, 20", kRunLimit));
  producer.commit_transaction();
  send(1, 14);
  const ProcessResult result = training.wait(kRunLimit);
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(json_count(result.out, "/rows"), 44);
  EXPECT_EQ(json_count(result.out, "/data_losses"), 1);
  EXPECT_EQ(json_count(result.out, "/lost_offsets"), 10);
  EXPECT_EQ(json_count(result.out, position_path(0)), 30);
  EXPECT_EQ(json_count(result.out, position_path(1)), 24);
}

TEST_F(Positions, AShorterLogThanTheOneThatWasReadIsNamed) {
  broker_.create_topic(topic_, 1);
  send(0, 10);
  succeed(train(topic_));
  make_topic_anew(1);
  send(0, 3);
  const ProcessResult refused = run_millrace(train(topic_));
  EXPECT_EQ(refused.exit_code, kDataLost) << refused.describe();
  EXPECT_THAT(refused.err, HasSubstr(topic_ + "/0 from offset 10 on are not in the log, which ends at 3"));
}

TEST_F(Positions, ALogThatWasMadeAnewIsKnownByItsLastRecordAndReadFromItsBeginningOnRequest) {
  broker_.create_topic(topic_, 1);
  send(0, 10);
  succeed(train(topic_));
  make_topic_anew(1);
  send(0, 25);  // the same keys and values, later
  const ProcessResult refused = run_millrace(train(topic_));
  EXPECT_EQ(refused.exit_code, kDataLost) << refused.describe();
  EXPECT_THAT(refused.err,
              HasSubstr("The log of " + topic_ + "/0 is not the one that was read up to offset 10"));
  const ProcessResult going_on = succeed(train(topic_, {"--on-data-loss", "continue"}));
  EXPECT_EQ(json_count(going_on.out, "/rows"), 25);
  EXPECT_EQ(json_count(going_on.out, "/data_losses"), 1);
  EXPECT_EQ(json_count(going_on.out, "/lost_offsets"), 0);
  EXPECT_EQ(json_count(going_on.out, position_path(0)), 25);
  EXPECT_EQ(json_count(succeed(train(topic_)).out, "/rows"), 0);
}

TEST_F(Positions, ATopicDeletedWhileReadingEndsTheRun) {
  broker_.create_topic(topic_, 1);
  send(0, 10);
  Process training(millrace_command(live()));
  wait_for_position(training, 0, 10);
  admin_.delete_topic(topic_);
  const ProcessResult result = training.wait(kRunLimit);
  EXPECT_EQ(result.exit_code, kBrokerError) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("The topic " + topic_ + " does not exist"));
}

TEST_F(Positions, ATopicMadeAnewWhileReadingIsNoticed) {
  broker_.create_topic(topic_, 1);
  send(0, 10);
  Process training(millrace_command(live()));
  wait_for_position(training, 0, 10);
  make_topic_anew(1);
  send(0, 3);
  const ProcessResult result = training.wait(kRunLimit);
  // It depends on the moment whether the topic is seen while it is away, or when it is another.
  EXPECT_THAT(result.exit_code, AnyOf(kBrokerError, kDataLost)) << result.describe();
  EXPECT_THAT(result.err, AnyOf(HasSubstr("does not exist"), HasSubstr("was cut or made anew")));
}

}  // namespace
}  // namespace millrace
