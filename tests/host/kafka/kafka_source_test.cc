#include "kafka/kafka_source.h"

#include <algorithm>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <stdexcept>
#include <thread>

#include "millrace/errors.h"

#include "host/kafka/topics.h"
#include "kafka/fingerprint.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using Clock = std::chrono::steady_clock;

constexpr std::int16_t kFetchRequest = 1;
constexpr std::int16_t kListOffsetsRequest = 2;

std::vector<std::int64_t> start_offsets(const SourceSettings& settings) {
  const KafkaSource source(settings);
  std::vector<std::int64_t> offsets;
  for (const Position& start : source.starts()) {
    EXPECT_EQ(start.row, 0);
    offsets.push_back(start.offset);
  }
  return offsets;
}

TEST(KafkaSource, ResolvesEveryRuleToNumbers) {
  const EmbeddedBroker broker({{"rows", 3}});
  fill(broker, "rows", {10, 0, 4});
  SourceSettings settings = source_of(broker, {"rows"});
  const auto begins = [&](const char* rule) {
    settings.start = parse_start_rule(rule);
    return start_offsets(settings);
  };
  EXPECT_THAT(begins("resume"), ElementsAre(0, 0, 0));
  EXPECT_THAT(begins("beginning"), ElementsAre(0, 0, 0));
  EXPECT_THAT(begins("end"), ElementsAre(10, 0, 4));
  EXPECT_THAT(begins("offset:0"), ElementsAre(0, 0, 0));
  EXPECT_THAT(begins("offsets:rows/2=3,rows/0=10"), ElementsAre(10, 0, 3));
  EXPECT_THAT(begins("lag:4"), ElementsAre(6, 0, 0));
  EXPECT_THAT(begins("lag:0"), ElementsAre(10, 0, 4));
  // The embedded broker finds no time: then it is past the end, and the end is a number.
  EXPECT_THAT(begins("time:2024-05-01T12:00:00Z"), ElementsAre(10, 0, 4));
}

TEST(KafkaSource, ReadsFromTheResolvedStart) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {10, 5});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.start = parse_start_rule("lag:3");
  KafkaSource source(settings);
  source.start();
  const auto records = read_to_end(source);
  ASSERT_EQ(records[0].size(), 3U);
  EXPECT_EQ(records[0].front().offset, 7);
  ASSERT_EQ(records[1].size(), 3U);
  EXPECT_EQ(records[1].front().value, "1:2");
}

TEST(KafkaSource, KnownPartitionsGoOnAndOnlyTheOthersFollowTheRule) {
  const EmbeddedBroker broker({{"more", 1}, {"rows", 1}});
  fill(broker, "more", {5});
  fill(broker, "rows", {10});
  SourceSettings settings = source_of(broker, {"rows", "more"});
  settings.start = parse_start_rule("end");
  settings.known = {{{"rows", 0}, {4, 2}, {}}, {{"another", 9}, {77, 0}, {}}};
  const KafkaSource source(settings);
  EXPECT_THAT(source.starts(), ElementsAre(Position{5, 0}, Position{4, 2}));
}

TEST(KafkaSource, APartitionThatAKnownTopicGotSinceBeginsAtItsBeginning) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {10, 5});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.start = parse_start_rule("end");
  settings.known = {{{"rows", 0}, {4, 0}, {}}};
  EXPECT_THAT(start_offsets(settings), ElementsAre(4, 0));
}

TEST(KafkaSource, RewindMovesKnownPartitionsToo) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {10, 5});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.start = parse_start_rule("lag:1");
  settings.known = {{{"rows", 0}, {4, 2}, {}}};
  settings.rewind = true;
  EXPECT_THAT(start_offsets(settings), ElementsAre(9, 4));
}

TEST(KafkaSource, AnUnknownTopicFailsAtOnce) {
  const EmbeddedBroker broker({{"rows", 1}});
  deny_topic(broker, "rosw");
  try {
    const KafkaSource source(source_of(broker, {"rows", "rosw"}));
    FAIL();
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.kind, KafkaError::Kind::topic_missing);
    EXPECT_EQ(error.topic, "rosw");
    EXPECT_THAT(error.detail, testing::HasSubstr(broker.brokers()));
  }
}

KafkaError missing_partition(const SourceSettings& settings) {
  try {
    const KafkaSource source(settings);
  } catch (const KafkaError& error) {
    return error;
  }
  throw std::runtime_error("the partition was taken");
}

TEST(KafkaSource, AnUnknownPartitionFailsAtOnce) {
  const EmbeddedBroker broker({{"rows", 2}});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.start = parse_start_rule("offsets:rows/2=0");
  const KafkaError by_rule = missing_partition(settings);
  EXPECT_EQ(by_rule.kind, KafkaError::Kind::partition_missing);
  EXPECT_EQ(by_rule.partition, 2);
}

TEST(KafkaSource, AKnownPartitionThatItsTopicNoLongerHasIsDataLoss) {
  const EmbeddedBroker broker({{"rows", 2}});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.known = {{{"rows", 5}, {3, 0}, {}}};
  try {
    const KafkaSource source(settings);
    FAIL();
  } catch (const DataLossError& error) {
    EXPECT_EQ(error.kind, DataLossError::Kind::beyond_end);
    EXPECT_EQ(error.partition, (TopicPartition{"rows", 5}));
    EXPECT_EQ(error.position, 3);
  }
  settings.on_data_loss = OnDataLoss::go_on;
  const KafkaSource source(settings);
  EXPECT_THAT(source.starts(), ElementsAre(Position{0, 0}, Position{0, 0}));
  EXPECT_EQ(source.losses().count(), 1U);
}

TEST(KafkaSource, ARuleForAnotherTopicIsAnOptionError) {
  const EmbeddedBroker broker({{"rows", 2}});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.start = parse_start_rule("offsets:cols/0=0");
  EXPECT_THROW(KafkaSource{settings}, OptionError);
}

TEST(KafkaSource, AStartOutsideTheLogNamesTheRange) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {10, 3});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.known = {{{"rows", 0}, {10, 0}, {}}, {{"rows", 1}, {4, 0}, {}}};
  try {
    const KafkaSource source(settings);
    FAIL();
  } catch (const DataLossError& error) {
    EXPECT_EQ(error.partition, (TopicPartition{"rows", 1}));
    EXPECT_EQ(error.position, 4);
    EXPECT_EQ(error.log_begin, 0);
    EXPECT_EQ(error.log_end, 3);
  }
}

// What a state knows of partition 0 after it read up to `next`.
std::vector<TrainedPosition> known_up_to(const EmbeddedBroker& broker, std::int64_t next) {
  KafkaSource source(source_of(broker, {"rows"}));
  source.start();
  TrainedPosition known{{"rows", 0}, {next, 0}, {}};
  std::size_t seen = 0;
  read_until(
      source, 100,
      [&](std::size_t index, const PullOutcome&, const RecordBatch& batch) {
        for (const RecordView& record : batch.records()) {
          if (index == 0 && record.offset == next - 1) known.last_record = fingerprint_of(record), ++seen;
        }
      },
      [&] { return seen > 0; });
  return {known};
}

TEST(KafkaSource, AnotherLastRecordThanTheTrainedOneIsDataLoss) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {10, 3});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.known = known_up_to(broker, 7);
  EXPECT_THAT(start_offsets(settings), ElementsAre(7, 0));
  ++settings.known[0].last_record.timestamp_ms;  // as if it were of an earlier log
  try {
    const KafkaSource source(settings);
    FAIL();
  } catch (const DataLossError& error) {
    EXPECT_EQ(error.kind, DataLossError::Kind::replaced);
    EXPECT_EQ(error.partition, (TopicPartition{"rows", 0}));
    EXPECT_EQ(error.position, 7);
    EXPECT_EQ(error.log_begin, 0);
    EXPECT_EQ(error.log_end, 10);
  }
  settings.on_data_loss = OnDataLoss::go_on;
  const KafkaSource source(settings);
  EXPECT_THAT(source.starts(), ElementsAre(Position{0, 0}, Position{0, 0}));
  EXPECT_EQ(source.losses().count(), 1U);
  EXPECT_EQ(source.losses().lost_offsets(), 0U);
}

TEST(KafkaSource, ARewindDoesNotAskForTheLastRecord) {
  const EmbeddedBroker broker({{"rows", 1}});
  fill(broker, "rows", {10});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.known = known_up_to(broker, 7);
  ++settings.known[0].last_record.hash;
  settings.rewind = true;
  EXPECT_THAT(start_offsets(settings), ElementsAre(0));
}

TEST(KafkaSource, AStartThatRetentionTookIsDataLoss) {
  const EmbeddedBroker broker({{"rows", 1}});
  // The embedded broker keeps 5 MiB.
  TopicProducer producer({broker.brokers(), {{"compression.codec", "none"}}}, "rows", "murmur2_random");
  for (int record = 0; record < 80; ++record) producer.send_to(0, {}, std::string(100'000, 'x'));
  producer.flush();
  SourceSettings settings = source_of(broker, {"rows"});
  settings.known = {{{"rows", 0}, {0, 0}, {}}};
  try {
    const KafkaSource source(settings);
    FAIL();
  } catch (const DataLossError& error) {
    EXPECT_EQ(error.kind, DataLossError::Kind::deleted);
    EXPECT_GT(error.log_begin, 0);
    EXPECT_EQ(error.log_end, 80);
  }
  settings.on_data_loss = OnDataLoss::go_on;
  const KafkaSource source(settings);
  EXPECT_GT(source.starts()[0].offset, 0);
  EXPECT_EQ(source.losses().lost_offsets(), static_cast<std::uint64_t>(source.starts()[0].offset));
}

TEST(KafkaSource, AnOffsetThatLeavesTheLogWhileReadingIsDataLoss) {
  const EmbeddedBroker broker({{"rows", 1}});
  fill(broker, "rows", {10});
  KafkaSource source(source_of(broker, {"rows"}));
  rd_kafka_mock_push_request_errors(broker.cluster(), kFetchRequest, 1,
                                    RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
  source.start();
  try {
    static_cast<void>(read_to_end(source));
    FAIL();
  } catch (const DataLossError& error) {
    EXPECT_EQ(error.partition, (TopicPartition{"rows", 0}));
    EXPECT_EQ(error.position, 0);
    EXPECT_EQ(error.log_end, 10);
  }
}

TEST(KafkaSource, GoesOnAtTheBeginningOfALogThatIsNotTheOneItRead) {
  const EmbeddedBroker broker({{"rows", 1}});
  fill(broker, "rows", {10});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.start = parse_start_rule("offset:4");
  settings.on_data_loss = OnDataLoss::go_on;
  KafkaSource source(settings);
  rd_kafka_mock_push_request_errors(broker.cluster(), kFetchRequest, 1,
                                    RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
  source.start();
  std::vector<std::int64_t> offsets;
  bool at_end = false;
  read_until(
      source, 100,
      [&](std::size_t index, const PullOutcome& outcome, const RecordBatch& batch) {
        if (outcome.lost) {
          EXPECT_EQ(source.recover(index), Position{});
          return;
        }
        for (const RecordView& record : batch.records()) offsets.push_back(record.offset);
        at_end = outcome.at_end;
      },
      [&] { return at_end; });
  EXPECT_EQ(source.losses().count(), 1U);
  EXPECT_THAT(offsets, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(KafkaSource, SurvivesErrorsThatPassByThemselves) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {300, 200});
  SourceSettings settings = source_of(broker, {"rows"});
  rd_kafka_mock_push_request_errors(broker.cluster(), kListOffsetsRequest, 2,
                                    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT);
  KafkaSource source(settings);
  rd_kafka_mock_push_request_errors(broker.cluster(), kFetchRequest, 5,
                                    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT,
                                    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                    RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_UNKNOWN);
  source.start();
  const auto records = read_to_end(source);
  EXPECT_EQ(records[0].size(), 300U);
  EXPECT_EQ(records[1].size(), 200U);
}

TEST(KafkaSource, ARefusedTopicEndsTheReading) {
  const EmbeddedBroker broker({{"rows", 1}});
  fill(broker, "rows", {10});
  KafkaSource source(source_of(broker, {"rows"}));
  rd_kafka_mock_push_request_errors(broker.cluster(), kFetchRequest, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  source.start();
  try {
    static_cast<void>(read_to_end(source));
    FAIL();
  } catch (const KafkaError& error) {
    EXPECT_EQ(error.kind, KafkaError::Kind::authentication);
    EXPECT_EQ(error.topic, "rows");
    EXPECT_EQ(error.partition, 0);
  }
}

TEST(KafkaSource, TellsTheEndUntilMoreFollows) {
  const EmbeddedBroker broker({{"rows", 1}});
  fill(broker, "rows", {5});
  KafkaSource source(source_of(broker, {"rows"}));
  source.start();
  EXPECT_EQ(read_to_end(source)[0].size(), 5U);
  RecordBatch batch;
  const PullOutcome again = source.pull(0, 10, batch);
  EXPECT_EQ(again.appended, 0U);
  EXPECT_TRUE(again.at_end);
  EXPECT_EQ(again.next_offset, 5);

  fill(broker, "rows", {3});
  std::size_t more = 0;
  PullOutcome last;
  read_until(
      source, 1,
      [&](std::size_t, const PullOutcome& outcome, const RecordBatch&) {
        more += outcome.appended;
        last = outcome;
      },
      [&] { return more == 3 && last.at_end; });
  EXPECT_EQ(last.next_offset, 8);
  EXPECT_THAT(source.end_offsets(), ElementsAre(8));
}

TEST(KafkaSource, APartitionThatIsNotPulledHoldsUpNoOther) {
  const EmbeddedBroker broker({{"rows", 2}});
  fill(broker, "rows", {3000, 20000});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.memory_bytes = 1 << 20;  // room for some 1,300 records of a partition
  KafkaSource source(settings);
  source.start();
  RecordBatch batch;
  std::int64_t next = 0;
  const auto deadline = Clock::now() + kTestDeadline;
  while (next < 20000) {
    ASSERT_LT(Clock::now(), deadline);
    batch.clear();
    const PullOutcome outcome = source.pull(1, 500, batch);
    next += static_cast<std::int64_t>(outcome.appended);
    if (outcome.appended == 0) source.wait(std::chrono::milliseconds{100});
  }
  EXPECT_EQ(read_to_end(source)[0].size(), 3000U);
}

// librdkafka alone looks at a queue that was full once a second: 20,000 records at 650 a look take half a
// minute.
TEST(KafkaSource, ASmallBudgetDoesNotMakeItSlow) {
  const EmbeddedBroker broker({{"rows", 1}});
  fill(broker, "rows", {20000});
  SourceSettings settings = source_of(broker, {"rows"});
  settings.memory_bytes = 1 << 19;
  KafkaSource source(settings);
  source.start();
  std::size_t taken = 0;
  bool at_end = false;
  const auto begin = Clock::now();
  read_until(
      source, 100,
      [&](std::size_t, const PullOutcome& outcome, const RecordBatch&) {
        taken += outcome.appended;
        at_end = outcome.at_end;
      },
      [&] { return at_end; });
  EXPECT_EQ(taken, 20000U);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds{10});
}

TEST(KafkaSource, WakeFromAnotherThreadEndsAWait) {
  const EmbeddedBroker broker({{"rows", 1}});
  KafkaSource source(source_of(broker, {"rows"}));
  source.start();
  static_cast<void>(read_to_end(source));
  const auto begin = Clock::now();
  std::thread waker([&] { source.wake(); });
  source.wait(std::chrono::minutes{5});
  waker.join();
  EXPECT_LT(Clock::now() - begin, std::chrono::minutes{1});
}

TEST(KafkaSource, AWakeBeforeTheWaitIsNotLost) {
  const EmbeddedBroker broker({{"rows", 1}});
  KafkaSource source(source_of(broker, {"rows"}));
  source.start();
  static_cast<void>(read_to_end(source));
  source.wake();
  const auto begin = Clock::now();
  source.wait(std::chrono::minutes{5});
  EXPECT_LT(Clock::now() - begin, std::chrono::minutes{1});
}

TEST(KafkaSource, ANewRecordEndsAWait) {
  const EmbeddedBroker broker({{"rows", 4}});
  KafkaSource source(source_of(broker, {"rows"}));
  source.start();
  static_cast<void>(read_to_end(source));
  TopicProducer producer(client_of(broker), "rows", "murmur2_random");
  RecordBatch batch;
  // Every time, records come one by one to a reader that waits: a lost wake-up would take the whole wait.
  for (std::int32_t round = 0; round < 16; ++round) {
    const std::int32_t partition = round % 4;
    std::thread writer([&] {
      producer.send_to(partition, {}, "x");
      producer.flush();
    });
    std::size_t taken = 0;
    const auto begin = Clock::now();
    while (taken == 0) {
      source.wait(std::chrono::minutes{1});
      for (std::size_t index = 0; index < 4; ++index) taken += source.pull(index, 100, batch).appended;
    }
    writer.join();
    ASSERT_LT(Clock::now() - begin, std::chrono::seconds{30});
    batch.clear();
  }
}

TEST(KafkaSource, TellsNullFromEmptyAndHandsOutTimestamps) {
  const EmbeddedBroker broker({{"rows", 1}});
  const auto now_ms = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const std::int64_t before = now_ms();
  TopicProducer producer(client_of(broker), "rows", "murmur2_random");
  producer.send("key", std::nullopt);
  producer.send(std::nullopt, "value");
  producer.send("", "");
  producer.flush();
  const std::int64_t after = now_ms();

  KafkaSource source(source_of(broker, {"rows"}));
  source.start();
  RecordBatch batch;
  const auto deadline = Clock::now() + kTestDeadline;
  while (source.pull(0, 10, batch).at_end == false) {
    ASSERT_LT(Clock::now(), deadline);
    source.wait(std::chrono::milliseconds{100});
  }
  ASSERT_EQ(batch.size(), 3U);
  const auto all = batch.records();
  EXPECT_TRUE(all[0].has_key);
  EXPECT_EQ(all[0].key, "key");
  EXPECT_FALSE(all[0].has_value);
  EXPECT_FALSE(all[1].has_key);
  EXPECT_EQ(all[1].value, "value");
  EXPECT_TRUE(all[2].has_key);
  EXPECT_TRUE(all[2].has_value);
  EXPECT_EQ(all[2].key, "");
  EXPECT_EQ(all[2].value, "");
  for (const RecordView& record : all) {
    EXPECT_GE(record.timestamp_ms, before);
    EXPECT_LE(record.timestamp_ms, after);
    EXPECT_FALSE(record.has_header);
  }
}

// One record with two headers of one name, one with a null header, one with none.
void send_with_headers(const EmbeddedBroker& broker, const std::string& topic) {
  const Client client(ClientRole::producer, client_of(broker), {}, {});
  for (int record = 0; record < 3; ++record) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(2);
    if (record == 0) {
      rd_kafka_header_add(headers, "label", -1, "0", -1);
      rd_kafka_header_add(headers, "label", -1, "1", -1);
    } else if (record == 1) {
      rd_kafka_header_add(headers, "label", -1, nullptr, 0);
    }
    rd_kafka_vu_t fields[3];
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = 0;
    fields[2].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[2].u.headers = headers;
    rd_kafka_error_t* error = rd_kafka_produceva(client.handle(), fields, 3);
    ASSERT_EQ(error, nullptr);
  }
  ASSERT_EQ(rd_kafka_flush(client.handle(), 10'000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

TEST(KafkaSource, HandsOutTheLastHeaderOfTheNameThatWasAskedFor) {
  const EmbeddedBroker broker({{"rows", 1}});
  send_with_headers(broker, "rows");
  SourceSettings settings = source_of(broker, {"rows"});
  settings.label_header = "label";
  KafkaSource source(settings);
  source.start();
  std::vector<std::string> labels;
  bool at_end = false;
  read_until(
      source, 10,
      [&](std::size_t, const PullOutcome& outcome, const RecordBatch& batch) {
        for (const RecordView& record : batch.records()) {
          labels.push_back(record.has_header ? std::string(record.header) : "none");
        }
        at_end = outcome.at_end;
      },
      [&] { return at_end; });
  EXPECT_THAT(labels, ElementsAre("1", "none", "none"));
}

}  // namespace
}  // namespace millrace
