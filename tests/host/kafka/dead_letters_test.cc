#include "kafka/dead_letters.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/errors.h"

#include "host/kafka/topics.h"
#include "support/record_producer.h"
#include "support/record_reader.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::RawHeader;
using support::RawRecord;
using support::ReadRecord;
using testing::ElementsAre;
using Clock = std::chrono::steady_clock;

constexpr std::int16_t kProduceRequest = 0;
constexpr std::int32_t kOnlyBroker = 1;

LetterText explain(const DecodeOutcome& outcome) {
  return {.stage = "VALUE_CONVERTER",
          .class_name = "Decoder",
          .reason = outcome.reason == BadRecordReason::malformed ? "malformed" : "other",
          .sentence = "Field " + std::to_string(outcome.field) + " is odd."};
}

// Reads the topic "rows" and sends what it is told to "dead".
class DeadLettersTest : public testing::Test {
 protected:
  std::unique_ptr<DeadLetters> open(const KafkaProperties& properties = {}, std::size_t memory = 1U << 20) {
    DeadLetterSettings settings{
        .client = client_of(broker_), .topic = "dead", .connector = "group", .memory_bytes = memory};
    settings.client.properties = properties;
    return std::make_unique<DeadLetters>(settings, source_, &explain);
  }

  std::uint64_t take(DeadLetters& letters, const std::string& value) {
    const RecordView record{.offset = 5, .value = value, .has_value = true};
    return letters.take_async(1, record, {.reason = BadRecordReason::malformed, .field = 2});
  }

  void fail_next_request(rd_kafka_resp_err_t code) {
    rd_kafka_mock_push_request_errors(broker_.cluster(), kProduceRequest, 1, code);
  }

  [[nodiscard]] std::vector<ReadRecord> sent() const {
    return support::read_topic(broker_.brokers(), "dead", 1);
  }
  [[nodiscard]] std::vector<std::string> sent_values() const {
    std::vector<std::string> values;
    for (const ReadRecord& letter : sent()) values.push_back(letter.value.value());
    return values;
  }

  const EmbeddedBroker broker_{{{"rows", 2}, {"dead", 1}}};
  KafkaSource source_{source_of(broker_, {"rows"})};
};

TEST_F(DeadLettersTest, AreTheRecordsByteForByteWithTheHeadersOfConnectAfterTheirOwn) {
  const std::vector<RawRecord> originals = {
      {"key",
       "value",
       {{"trace", "a"}, {"trace", "b"}, {"empty", ""}, {"null", std::nullopt}},
       1'234'567'890},
      {std::nullopt, "", {}, 1},
      {"", std::string("\0\xff,", 3), {{"__connect.errors.offset", "of an earlier letter"}}, 99},
  };
  support::RecordProducer(broker_.brokers()).send("rows", 1, originals);
  const auto letters = open();
  source_.start();
  std::uint64_t number = 0;
  read_until(
      source_, 10,
      [&](std::size_t index, const PullOutcome&, const RecordBatch& batch) {
        for (const RecordView& record : batch.records()) {
          number = letters->take_async(static_cast<std::uint32_t>(index), record,
                                       {.reason = BadRecordReason::malformed, .field = 3});
        }
      },
      [&] { return number == originals.size(); });
  ASSERT_TRUE(letters->wait(number));

  const std::vector<ReadRecord> copies = sent();
  ASSERT_EQ(copies.size(), originals.size());
  for (std::size_t i = 0; i < copies.size(); ++i) {
    EXPECT_EQ(copies[i].key, originals[i].key);
    EXPECT_EQ(copies[i].value, originals[i].value);
    EXPECT_EQ(copies[i].timestamp_ms, originals[i].timestamp_ms);
    std::vector<RawHeader> expected = originals[i].headers;
    for (const auto& [name, value] : {RawHeader{"topic", "rows"},
                                      {"partition", "1"},
                                      {"offset", std::to_string(i)},
                                      {"connector.name", "group"},
                                      {"task.id", "0"},
                                      {"stage", "VALUE_CONVERTER"},
                                      {"class.name", "Decoder"},
                                      {"exception.class.name", "malformed"},
                                      {"exception.message", "Field 3 is odd."}}) {
      expected.emplace_back("__connect.errors." + name, value);
    }
    EXPECT_EQ(copies[i].headers, expected);
  }
}

TEST_F(DeadLettersTest, AreSafeOnlyOnceTheBrokerAcknowledgedThem) {
  const auto letters = open();
  take(*letters, "first");
  ASSERT_TRUE(letters->wait(1));
  constexpr milliseconds kDelay{400};
  rd_kafka_mock_broker_set_rtt(broker_.cluster(), kOnlyBroker, static_cast<int>(kDelay.count()));
  const Clock::time_point begin = Clock::now();
  take(*letters, "second");
  take(*letters, "third");
  EXPECT_TRUE(letters->wait(1));
  EXPECT_EQ(letters->acknowledged(), 1U);
  EXPECT_TRUE(letters->wait(3));
  EXPECT_GE(Clock::now() - begin, kDelay);
  EXPECT_EQ(letters->acknowledged(), 3U);
}

TEST_F(DeadLettersTest, StandThereOnceThoughTheBrokerFailsNowAndThen) {
  const auto letters = open();
  for (const rd_kafka_resp_err_t code :
       {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS}) {
    fail_next_request(code);
  }
  for (int letter = 0; letter < 100; ++letter) take(*letters, std::to_string(letter));
  EXPECT_TRUE(letters->wait(100));
  EXPECT_EQ(sent().size(), 100U);
}

TEST_F(DeadLettersTest, OneThatIsRefusedIsToldToWhoeverWaitsForItOrSendsMore) {
  const auto letters = open();
  take(*letters, "good");
  ASSERT_TRUE(letters->wait(1));
  fail_next_request(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  take(*letters, "refused");
  try {
    static_cast<void>(letters->wait(2));
    FAIL() << "it was refused";
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.code, "MSG_SIZE_TOO_LARGE");
    EXPECT_THAT(error.operation, testing::HasSubstr("dead letters to dead"));
  }
  EXPECT_TRUE(letters->wait(1));
  EXPECT_THROW(take(*letters, "more"), KafkaError);
  EXPECT_THAT(sent_values(), ElementsAre("good"));
}

TEST_F(DeadLettersTest, WaitForRoomAndOneThatIsLargerThanAllRoomGoesAlone) {
  const auto letters = open({}, 5000);  // two small ones at a time
  std::vector<std::string> values;
  for (int letter = 0; letter < 40; ++letter) values.push_back(std::to_string(letter));
  values[7] = std::string(2'000'000, 'x');
  for (const std::string& value : values) take(*letters, value);
  EXPECT_GE(letters->acknowledged(), 38U);
  ASSERT_TRUE(letters->wait(40));
  EXPECT_EQ(sent_values(), values);
}

TEST_F(DeadLettersTest, AreGivenUpWhenTheirTimeIsUp) {
  const auto letters = open({{"message.timeout.ms", "500"}, {"socket.timeout.ms", "400"}});
  rd_kafka_mock_broker_set_down(broker_.cluster(), kOnlyBroker);
  const Clock::time_point begin = Clock::now();
  take(*letters, "value");
  EXPECT_THROW(static_cast<void>(letters->wait(1)), KafkaError);
  EXPECT_LT(Clock::now() - begin, seconds{10});
}

TEST_F(DeadLettersTest, AStopEndsAWaitThatTheBrokerDoesNotEnd) {
  const auto letters = open({}, 1);
  rd_kafka_mock_broker_set_down(broker_.cluster(), kOnlyBroker);
  take(*letters, "first");
  std::jthread sender([&] { take(*letters, "second"); });  // waits for room
  std::jthread waiter([&] { EXPECT_FALSE(letters->wait(1)); });
  letters->stop();
  sender.join();
  waiter.join();
  EXPECT_FALSE(letters->wait(2));
}

TEST_F(DeadLettersTest, LetGoQuicklyWhenTheBrokerDied) {
  auto letters = open();
  rd_kafka_mock_broker_set_down(broker_.cluster(), kOnlyBroker);
  take(*letters, "value");
  const Clock::time_point begin = Clock::now();
  letters.reset();
  EXPECT_LT(Clock::now() - begin, seconds{3});
}

TEST_F(DeadLettersTest, AMissingTopicIsToldAtOnce) {
  deny_topic(broker_, "dead");
  try {
    open();
    FAIL() << "there is no such topic";
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.kind, KafkaError::Kind::dead_letter_topic_missing);
    EXPECT_EQ(error.topic, "dead");
  }
}

}  // namespace
}  // namespace millrace
