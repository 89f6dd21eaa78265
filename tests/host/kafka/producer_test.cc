#include "kafka/producer.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "millrace/errors.h"

#include "host/kafka/topics.h"
#include "kafka/admin.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int16_t kProduceRequest = 0;

// Java's org.apache.kafka.common.utils.Utils.murmur2, after Austin Appleby's MurmurHash2.
std::uint32_t murmur2(std::string_view key) {
  constexpr std::uint32_t kMultiplier = 0x5bd1e995;
  auto hash = static_cast<std::uint32_t>(0x9747b28c ^ key.size());
  const auto byte = [&](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(key[at]));
  };
  std::size_t at = 0;
  for (; at + 4 <= key.size(); at += 4) {
    std::uint32_t word = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    word *= kMultiplier;
    word ^= word >> 24;
    hash = hash * kMultiplier ^ word * kMultiplier;
  }
  if (at < key.size()) {
    for (std::size_t rest = key.size() - at; rest-- > 0;) hash ^= byte(at + rest) << (8 * rest);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  return hash ^ hash >> 15;
}

TEST(TopicProducer, PlacesKeysAsJavaClientsDo) {
  const EmbeddedBroker broker({{"rows", 7}});
  TopicProducer producer(client_of(broker), "rows", "murmur2_random");
  std::vector<std::uint64_t> expected(7);
  for (int record = 0; record < 2000; ++record) {
    const std::string key = std::to_string(record * 7919);
    ++expected[(murmur2(key) & 0x7fffffff) % 7];
    producer.send(key, "value");
  }
  producer.flush();
  EXPECT_EQ(producer.delivered(), 2000U);
  EXPECT_EQ(producer.delivered_by_partition(), expected);
}

TEST(TopicProducer, PutsTheKeysZeroAndOneIntoTwoPartitions) {
  const EmbeddedBroker broker({{"rows", 2}});
  TopicProducer producer(client_of(broker), "rows", "murmur2_random");
  for (int record = 0; record < 30; ++record) producer.send(record < 10 ? "0" : "1", "value");
  producer.flush();
  EXPECT_THAT(producer.delivered_by_partition(), ElementsAre(10, 20));
}

TEST(TopicProducer, BlocksWhileItsQueueIsFullAndLosesNothing) {
  const EmbeddedBroker broker({{"rows", 1}});
  TopicProducer producer({broker.brokers(), {{"queue.buffering.max.messages", "10"}, {"linger.ms", "0"}}},
                         "rows", "murmur2_random");
  for (int record = 0; record < 500; ++record) producer.send({}, std::to_string(record));
  producer.flush();
  KafkaSource source(source_of(broker, {"rows"}));
  source.start();
  const auto records = read_to_end(source)[0];
  ASSERT_EQ(records.size(), 500U);
  for (int record = 0; record < 500; ++record) {
    ASSERT_EQ(records[static_cast<std::size_t>(record)].value, std::to_string(record));
  }
}

TEST(TopicProducer, SendsEachRecordOnceThoughTheBrokerFailsNowAndThen) {
  const EmbeddedBroker broker({{"rows", 1}});
  TopicProducer producer(client_of(broker), "rows", "murmur2_random");
  rd_kafka_mock_push_request_errors(
      broker.cluster(), kProduceRequest, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
  for (int record = 0; record < 100; ++record) producer.send({}, std::to_string(record));
  producer.flush();
  EXPECT_EQ(producer.delivered(), 100U);
  EXPECT_EQ(describe_topic(client_of(broker), "rows")->partitions[0].end, 100);
}

TEST(TopicProducer, AnUnknownTopicIsToldAtOnce) {
  const EmbeddedBroker broker({{"rows", 1}});
  deny_topic(broker, "rosw");
  try {
    const TopicProducer producer(client_of(broker), "rosw", "murmur2_random");
    FAIL();
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.kind, KafkaError::Kind::topic_missing);
    EXPECT_EQ(error.topic, "rosw");
  }
}

TEST(TopicProducer, ARecordAboveTheLimitIsNamedWithTheLimit) {
  const EmbeddedBroker broker({{"rows", 1}});
  TopicProducer producer(client_of(broker), "rows", "murmur2_random");
  try {
    producer.send("key", std::string(10'000'000, 'x'));
    FAIL();
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.code, "MSG_SIZE_TOO_LARGE");
    EXPECT_THAT(error.detail, HasSubstr("10000003 bytes"));
    EXPECT_THAT(error.detail, HasSubstr("message.max.bytes"));
    EXPECT_EQ(error.topic, "rows");
  }
}

TEST(TopicProducer, ARefusalOfTheBrokerReachesTheCaller) {
  const EmbeddedBroker broker({{"rows", 1}});
  TopicProducer producer(client_of(broker), "rows", "murmur2_random");
  rd_kafka_mock_push_request_errors(broker.cluster(), kProduceRequest, 1,
                                    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  producer.send("key", "value");
  EXPECT_THROW(producer.flush(), KafkaError);
}

TEST(TopicProducer, AnUnknownPartitionerIsAnOptionError) {
  const EmbeddedBroker broker({{"rows", 1}});
  EXPECT_THROW(TopicProducer(client_of(broker), "rows", "murmur3"), OptionError);
}

TEST(TopicProducer, EndsQuicklyWhenTheBrokerDied) {
  auto broker = std::make_unique<EmbeddedBroker>(std::vector<std::pair<std::string, int>>{{"rows", 1}});
  const auto begin = std::chrono::steady_clock::now();
  {
    TopicProducer producer(client_of(*broker), "rows", "murmur2_random");
    broker.reset();
    producer.send("key", "value");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
}

}  // namespace
}  // namespace millrace
