// What a source promises holds for any number of instances that share its partitions.
#include <algorithm>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "host/kafka/topics.h"
#include "kafka/consumer.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::int16_t kFetchRequest = 1;

class SharedPartitions : public testing::TestWithParam<unsigned> {
 protected:
  static SourceSettings settings_of(const EmbeddedBroker& broker, std::vector<std::string> topics) {
    SourceSettings settings = source_of(broker, std::move(topics));
    settings.consumers = GetParam();
    return settings;
  }
};

INSTANTIATE_TEST_SUITE_P(Instances, SharedPartitions, testing::Values(1U, 2U, 3U));

TEST_P(SharedPartitions, EveryRecordIsHandedOutOnceAndInOrderWhateverTheSizesOfPulls) {
  const EmbeddedBroker broker({{"b", 3}, {"a", 2}});
  fill(broker, "a", {700, 0});
  fill(broker, "b", {1, 2500, 1300});
  KafkaSource source(settings_of(broker, {"b", "a", "b"}));
  EXPECT_EQ(source.consumers(), GetParam());
  EXPECT_THAT(source.partitions(),
              ElementsAre(TopicPartition{"a", 0}, TopicPartition{"a", 1}, TopicPartition{"b", 0},
                          TopicPartition{"b", 1}, TopicPartition{"b", 2}));
  const std::vector<std::int64_t> ends{700, 0, 1, 2500, 1300};
  EXPECT_TRUE(std::ranges::equal(source.ends_at_start(), ends));
  source.start();

  std::mt19937 random(7);
  std::vector<std::int64_t> next(5, 0);
  std::vector<bool> at_end(5);
  RecordBatch batch;
  const auto deadline = Clock::now() + kTestDeadline;
  while (std::ranges::find(at_end, false) != at_end.end()) {
    ASSERT_LT(Clock::now(), deadline);
    const std::size_t index = random() % 5;
    const std::size_t at_most = 1 + random() % 400;
    batch.clear();
    const PullOutcome outcome = source.pull(index, at_most, batch);
    ASSERT_EQ(outcome.appended, batch.size());
    ASSERT_LE(outcome.appended, at_most);
    for (const RecordView& record : batch.records()) {
      const std::int64_t partition = source.partitions()[index].partition;
      ASSERT_EQ(record.offset, next[index]);
      ASSERT_EQ(record.value, std::to_string(partition) + ":" + std::to_string(next[index]));
      ASSERT_EQ(record.key, "k");
      ++next[index];
    }
    if (outcome.appended > 0 || outcome.at_end) {
      ASSERT_EQ(outcome.next_offset, next[index]);
    }
    at_end[index] = outcome.at_end;
    if (outcome.appended == 0) source.wait(1ms);
  }
  EXPECT_EQ(next, ends);
  EXPECT_EQ(source.end_offsets(), ends);
}

TEST_P(SharedPartitions, ARefusedPositionIsRecoveredWhoeverReadsThePartition) {
  const EmbeddedBroker broker({{"rows", 3}});
  fill(broker, "rows", {10, 10, 10});
  SourceSettings settings = settings_of(broker, {"rows"});
  settings.start = parse_start_rule("offset:4");
  settings.on_data_loss = OnDataLoss::go_on;
  KafkaSource source(settings);
  rd_kafka_mock_push_request_errors(broker.cluster(), kFetchRequest, 1,
                                    RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
  source.start();
  std::vector<std::size_t> records(3);
  std::vector<bool> at_end(3);
  std::uint64_t recovered = 0;
  read_until(
      source, 100,
      [&](std::size_t index, const PullOutcome& outcome, const RecordBatch& batch) {
        if (outcome.lost) {
          EXPECT_EQ(source.recover(index), Position{});
          records[index] = 0;
          ++recovered;
          return;
        }
        records[index] += batch.size();
        at_end[index] = outcome.at_end;
      },
      [&] { return std::ranges::find(at_end, false) == at_end.end(); });
  EXPECT_GE(recovered, 1U);
  EXPECT_EQ(source.losses().count(), recovered);
  EXPECT_EQ(records[0] + records[1] + records[2], 3 * 6 + 4 * recovered);
}

TEST_P(SharedPartitions, ATopicThatVanishesEndsTheReadingAndHoldsUpNoClose) {
  const EmbeddedBroker broker({{"more", 1}, {"rows", 2}});
  fill(broker, "rows", {10, 10});
  SourceSettings settings = settings_of(broker, {"more", "rows"});
  settings.client.properties = {{"topic.metadata.refresh.interval.ms", "100"}};
  std::optional<KafkaSource> source(settings);
  source->start();
  static_cast<void>(read_to_end(*source));
  deny_topic(broker, "rows");
  try {
    read_until(
        *source, 10, [](auto&&...) {}, [] { return false; });
    FAIL();
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.kind, KafkaError::Kind::topic_missing);
    EXPECT_EQ(error.topic, "rows");
  }
  const auto begin = Clock::now();
  EXPECT_FALSE(source->close(30s));
  EXPECT_LT(Clock::now() - begin, 10s);
}

TEST_P(SharedPartitions, ADeadBrokerHoldsTheCloseOfAllTogetherNoLongerThanItWasGiven) {
  EmbeddedBroker broker({{"rows", 3}});
  SourceSettings settings = settings_of(broker, {"rows"});
  settings.group = "readers";
  KafkaSource source(settings);
  source.start();
  static_cast<void>(read_to_end(source));
  rd_kafka_mock_broker_set_rtt(broker.cluster(), 1, 60'000);
  source.commit_async(std::vector<CommitOffset>{{{"rows", 0}, 0}});
  const auto begin = Clock::now();
  EXPECT_FALSE(source.close(1s));
  EXPECT_LT(Clock::now() - begin, 4s);
  rd_kafka_mock_broker_set_rtt(broker.cluster(), 1, 0);
}

TEST(Consumers, AreNoMoreThanThereArePartitions) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {20, 30});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.consumers = 8;
  KafkaSource source(settings);
  EXPECT_EQ(source.consumers(), 2U);
  source.start();
  EXPECT_THAT(read_to_end(source), ElementsAre(SizeIs(20), SizeIs(30)));
}

TEST(Consumers, AreAsManyAsCoresAndPartitionsLetPay) {
  EXPECT_EQ(consumers_that_pay(0, 16), 1U) << "nobody knows the cores";
  EXPECT_EQ(consumers_that_pay(2, 16), 1U);
  EXPECT_EQ(consumers_that_pay(8, 16), 2U);
  EXPECT_EQ(consumers_that_pay(8, 1), 1U);
  EXPECT_EQ(consumers_that_pay(128, 3), 3U);
  EXPECT_EQ(consumers_that_pay(128, 1000), 4U);
  EXPECT_EQ(consumers_that_pay(8, 0), 1U);
}

}  // namespace
}  // namespace millrace
