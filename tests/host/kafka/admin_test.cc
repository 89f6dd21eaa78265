#include "kafka/admin.h"

#include <chrono>
#include <gtest/gtest.h>

#include "millrace/errors.h"

#include "host/kafka/topics.h"

namespace millrace {
namespace {

TEST(DescribeTopic, TellsTheRangeOfEveryPartition) {
  const EmbeddedBroker broker({{"rows", 3}});
  fill(broker, "rows", {5, 0, 2});
  const std::optional<TopicDescription> description = describe_topic(client_of(broker), "rows");
  ASSERT_TRUE(description);
  EXPECT_EQ(description->topic, "rows");
  ASSERT_EQ(description->partitions.size(), 3U);
  for (std::size_t index = 0; index < 3; ++index) {
    EXPECT_EQ(description->partitions[index].partition, static_cast<std::int32_t>(index));
    EXPECT_EQ(description->partitions[index].begin, 0);
  }
  EXPECT_EQ(description->partitions[0].end, 5);
  EXPECT_EQ(description->partitions[1].end, 0);
  EXPECT_EQ(description->partitions[2].end, 2);
}

TEST(DescribeTopic, SaysNothingOfATopicThatIsNotThere) {
  const EmbeddedBroker broker({{"rows", 3}});
  deny_topic(broker, "cols");
  EXPECT_FALSE(describe_topic(client_of(broker), "cols"));
}

TEST(CreateTopic, FailsAgainstTheEmbeddedBrokerWhichCannot) {
  const EmbeddedBroker broker({{"rows", 3}});
  ClientSettings settings = client_of(broker);
  settings.timeout = std::chrono::seconds{1};
  EXPECT_THROW(create_topic(settings, "cols", 2), KafkaError);
}

TEST(CreateTopic, RefusesNonsenseBeforeItAsksAnyone) {
  EXPECT_THROW(create_topic({"127.0.0.1:1", {}, std::chrono::milliseconds{100}}, "rows", -5), KafkaError);
}

}  // namespace
}  // namespace millrace
