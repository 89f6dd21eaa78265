#include "kafka/offset_committer.h"

#include <chrono>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>

#include "host/kafka/topics.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using Clock = std::chrono::steady_clock;

constexpr std::int16_t kOffsetCommitRequest = 8;

std::vector<std::int64_t> committed_offsets(const EmbeddedBroker& broker, const std::string& group,
                                            std::span<const TopicPartition> partitions) {
  const Client client(ClientRole::consumer, client_of(broker), {}, {{"group.id", group}});
  const PartitionListOwner list = make_partition_list(partitions, RD_KAFKA_OFFSET_INVALID);
  kafka_check(rd_kafka_committed(client.handle(), list.get(), 10'000), "asking for committed offsets");
  std::vector<std::int64_t> offsets;
  for (int index = 0; index < list->cnt; ++index) offsets.push_back(list->elems[index].offset);
  return offsets;
}

TEST(Commits, AreSeenByTheGroupAfterTheSourceClosed) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {10, 10});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.group = "readers";
  KafkaSource source(settings);
  source.start();
  static_cast<void>(read_to_end(source));
  source.commit_async(std::vector<CommitOffset>{{{"rows", 0}, 3}, {{"rows", 1}, 4}});
  source.commit_async(std::vector<CommitOffset>{{{"rows", 1}, 10}});
  EXPECT_TRUE(source.close(std::chrono::seconds{20}));
  EXPECT_THAT(committed_offsets(broker, "readers", std::vector<TopicPartition>{{"rows", 0}, {"rows", 1}}),
              ElementsAre(3, 10));
}

void serve_until(KafkaSource& source, const std::function<bool()>& done) {
  const auto deadline = Clock::now() + kTestDeadline;
  while (!done()) {
    ASSERT_LT(Clock::now(), deadline);
    source.wait(std::chrono::milliseconds{20});
  }
}

TEST(Commits, AreCountedWhileTheSourceReads) {
  const EmbeddedBroker broker({{"rows", 1}});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.group = "readers";
  KafkaSource source(settings);
  source.start();
  source.commit_async(std::vector<CommitOffset>{{{"rows", 0}, 0}});
  serve_until(source, [&] { return source.committed() > 0; });
  EXPECT_EQ(source.committed(), 1U);
  EXPECT_EQ(source.failed_commits(), 0U);
}

TEST(Commits, ThatFailAreCountedAndHarmNothing) {
  const EmbeddedBroker broker({{"rows", 1}});
  fill(broker, "rows", {10});
  rd_kafka_mock_push_request_errors(broker.cluster(), kOffsetCommitRequest, 1,
                                    RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
  SourceSettings settings = source_of(broker, {"rows"});
  settings.group = "readers";
  KafkaSource source(settings);
  source.start();
  source.commit_async(std::vector<CommitOffset>{{{"rows", 0}, 0}});
  serve_until(source, [&] { return source.failed_commits() > 0; });
  EXPECT_EQ(source.committed(), 0U);
  EXPECT_EQ(read_to_end(source)[0].size(), 10U);
}

TEST(Commits, AreNotForASourceWithoutAGroup) {
  const EmbeddedBroker broker({{"rows", 1}});
  KafkaSource source(source_of(broker, {"rows"}));
  EXPECT_THROW(source.commit_async(std::vector<CommitOffset>{{{"rows", 0}, 0}}), std::logic_error);
}

TEST(Closing, ReturnsInTimeWhenTheBrokerDiedWithACommitOutstanding) {
  auto broker = std::make_unique<EmbeddedBroker>(std::vector<std::pair<std::string, int>>{{"rows", 2}});
  fill(*broker, "rows", {10, 10});
  SourceSettings settings = source_of(*broker, {"rows"});
  settings.group = "readers";
  KafkaSource source(settings);
  source.start();
  static_cast<void>(read_to_end(source));
  broker.reset();
  source.commit_async(std::vector<CommitOffset>{{{"rows", 0}, 10}});
  const auto begin = Clock::now();
  EXPECT_FALSE(source.close(std::chrono::milliseconds{500}));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{3});
  EXPECT_TRUE(source.close(std::chrono::milliseconds{500})) << "there is nothing left to close";
}

TEST(Closing, IsQuickWithoutACommitOutstandingWhateverTheBrokerDoes) {
  auto broker = std::make_unique<EmbeddedBroker>(std::vector<std::pair<std::string, int>>{{"rows", 2}});
  fill(*broker, "rows", {10, 10});
  KafkaSource source(source_of(*broker, {"rows"}));
  source.start();
  static_cast<void>(read_to_end(source));
  broker.reset();
  const auto begin = Clock::now();
  EXPECT_TRUE(source.close(std::chrono::seconds{20}));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{5});
}

}  // namespace
}  // namespace millrace
