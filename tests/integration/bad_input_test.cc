// What a user gets for bad records, bad addresses and bad folders: one sentence, the documented exit code,
// and nothing lost.
#include <algorithm>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "integration/kafka_test.h"

namespace millrace {
namespace {

using support::ProcessResult;
using support::RawRecord;
using testing::AllOf;
using testing::HasSubstr;

const char* const kGoodValue = "5,1,1,1,2,1,3,1,1";

std::vector<RawRecord> good_rows(std::size_t count) {
  return std::vector<RawRecord>(count, RawRecord{"0", kGoodValue});
}

std::string ten_megabytes() {
  std::string value;
  value.resize(10'000'000, '1');
  return value;
}

// One line on stderr, and nothing on stdout that a script could take for a result.
void expect_one_sentence(const ProcessResult& result, int exit_code) {
  EXPECT_EQ(result.exit_code, exit_code) << result.describe();
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.describe();
  EXPECT_EQ(result.out, "") << result.describe();
}

struct BadRecordCase {
  std::string name;
  RawRecord record;
  std::string reason;  // as it is counted
};

class BadRecords : public KafkaTest, public testing::WithParamInterface<BadRecordCase> {};

TEST_P(BadRecords, StopTheRunByDefaultAndAreCountedWhereTolerated) {
  broker_.create_topic(topic_, 1, {{"max.message.bytes", "20000000"}});
  support::RecordProducer producer(broker_.brokers());
  producer.send(topic_, 0, good_rows(40));
  producer.send(topic_, 0, {GetParam().record});
  producer.send(topic_, 0, good_rows(40));

  const ProcessResult strict = run_millrace(train(topic_, {"--window-rows", "32"}));
  expect_one_sentence(strict, 5);
  EXPECT_THAT(strict.err, HasSubstr("offset 40 of " + topic_ + "/0"));

  const ProcessResult tolerant = succeed(train(topic_, {"--window-rows", "32", "--errors-tolerance", "all"}));
  EXPECT_EQ(json_count(tolerant.out, "/lifetime/rows"), 80);
  EXPECT_EQ(json_count(tolerant.out, "/lifetime/bad_records"), 1);
  EXPECT_EQ(json_count(tolerant.out, "/lifetime/bad_records_by_reason/" + GetParam().reason), 1);
  EXPECT_EQ(json_count(tolerant.out, "/positions/" + topic_ + "/0"), 81);
}

INSTANTIATE_TEST_SUITE_P(
    OfEveryKind, BadRecords,
    testing::Values(BadRecordCase{"WrongColumnCount", {"0", "5,1,1"}, "column_count"},
                    BadRecordCase{"NonNumericField", {"0", "5,1,1,big,2,1,3,1,1"}, "not_a_number"},
                    BadRecordCase{"EmptyValue", {"0", ""}, "column_count"},
                    BadRecordCase{"NullKey", {std::nullopt, kGoodValue}, "label_missing"},
                    BadRecordCase{"LabelOutOfRange", {"7", kGoodValue}, "label_invalid"},
                    BadRecordCase{"NumberBeyondFloat", {"0", "5,1,1,1e400,2,1,3,1,1"}, "not_finite"},
                    BadRecordCase{"InvalidUtf8", {"0", "5,1,1,\xC3\x28,2,1,3,1,1"}, "malformed"},
                    BadRecordCase{"TenMegabytes", {"0", ten_megabytes()}, "too_large"}),
    [](const auto& parameter) { return parameter.param.name; });

class BadInput : public KafkaTest {};

TEST_F(BadInput, ANullValueIsATombstoneAndNoError) {
  broker_.create_topic(topic_, 1);
  support::RecordProducer producer(broker_.brokers());
  producer.send(topic_, 0, {{"0", kGoodValue}, {"0", std::nullopt}, {"1", kGoodValue}});
  const ProcessResult trained = succeed(train(topic_));
  EXPECT_EQ(json_count(trained.out, "/rows"), 2);
  EXPECT_EQ(json_count(trained.out, "/bad_records_by_reason/tombstone"), 1);
}

TEST_F(BadInput, AnUnreachableBrokerEndsTheRunInTime) {
  const ProcessResult result = support::run_process(
      millrace_command({"train", "--brokers", "127.0.0.1:1", "--topic", topic_, "--features", "9", "--state",
                        state(), "--kafka-timeout-ms", "2000", "--quiet"}),
      std::chrono::seconds(15));
  expect_one_sentence(result, 3);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
}

TEST_F(BadInput, AMissingTopicIsNamed) {
  const ProcessResult result = run_millrace(train(topic_));
  expect_one_sentence(result, 3);
  EXPECT_THAT(result.err, HasSubstr(topic_));
}

TEST_F(BadInput, AStateOfAnotherShapeIsLeftAlone) {
  succeed(produce(topic_, {"--partitions", "1"}));
  succeed(train(topic_));
  const ProcessResult before = succeed(inspect());
  const ProcessResult result = run_millrace(train(topic_, {"--layers", "64,64"}));
  expect_one_sentence(result, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("layers"), HasSubstr("128,256,128"), HasSubstr("64,64")));
  EXPECT_EQ(succeed(inspect()).out, before.out);
}

TEST_F(BadInput, AReadOnlyStateFolderIsNamedAndNothingIsLost) {
  succeed(produce(topic_, {"--partitions", "1"}));
  ASSERT_EQ(mkdir(state().c_str(), 0555), 0);
  support::Command command = millrace_command(train(topic_));
  command.obeys_permissions = true;
  const ProcessResult result = support::run_process(command, kRunLimit);
  expect_one_sentence(result, 6);
  EXPECT_THAT(result.err, HasSubstr(state()));

  ASSERT_EQ(chmod(state().c_str(), 0755), 0);
  EXPECT_EQ(json_count(succeed(train(topic_)).out, "/lifetime/rows"), kRowsInFile);
}

TEST_F(BadInput, AFullStateFolderIsNamedAndNothingIsLost) {
  succeed(produce(topic_, {"--partitions", "1"}));
  succeed(train(topic_));
  succeed(produce(topic_));
  support::Command command = millrace_command(train(topic_));
  command.file_size_limit_bytes = 100'000;  // a checkpoint takes about 800,000
  const ProcessResult result = support::run_process(command, kRunLimit);
  EXPECT_EQ(result.exit_code, 6) << result.describe();
  EXPECT_THAT(result.err, HasSubstr(state()));

  EXPECT_EQ(json_count(succeed(train(topic_)).out, "/lifetime/rows"), 2 * kRowsInFile);
}

}  // namespace
}  // namespace millrace
