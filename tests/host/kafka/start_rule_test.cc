#include "kafka/start_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "millrace/errors.h"

namespace millrace {
namespace {

template <typename Rule>
Rule parsed_as(std::string_view text) {
  return std::get<Rule>(parse_start_rule(text));
}

TEST(StartRule, KnowsItsPlainWords) {
  EXPECT_TRUE(std::holds_alternative<StartResume>(parse_start_rule("resume")));
  EXPECT_TRUE(std::holds_alternative<StartBeginning>(parse_start_rule("beginning")));
  EXPECT_TRUE(std::holds_alternative<StartEnd>(parse_start_rule("end")));
}

TEST(StartRule, TakesNumbersAfterOffsetAndLag) {
  EXPECT_EQ(parsed_as<StartOffset>("offset:0").offset, 0);
  EXPECT_EQ(parsed_as<StartOffset>("offset:9223372036854775807").offset, INT64_MAX);
  EXPECT_EQ(parsed_as<StartLag>("lag:250").records, 250);
}

TEST(StartRule, TakesOffsetsOfSeveralPartitionsInAnyOrder) {
  const StartOffsets rule = parsed_as<StartOffsets>("offsets:b.c/1=20,a_b/0=7,b.c/0=10");
  const std::vector<std::pair<TopicPartition, std::int64_t>> expected{
      {{"a_b", 0}, 7}, {{"b.c", 0}, 10}, {{"b.c", 1}, 20}};
  EXPECT_EQ(rule.offsets, expected);
}

TEST(StartRule, TakesTimesAsMilliseconds) {
  EXPECT_EQ(parsed_as<StartTime>("time:0").timestamp_ms, 0);
  EXPECT_EQ(parsed_as<StartTime>("time:1714564800123").timestamp_ms, 1714564800123);
}

// Instants computed by `date -u -d … +%s`.
TEST(StartRule, TakesTimesAsRfc3339) {
  EXPECT_EQ(parsed_as<StartTime>("time:1970-01-01T00:00:00Z").timestamp_ms, 0);
  EXPECT_EQ(parsed_as<StartTime>("time:2024-05-01T12:00:00Z").timestamp_ms, 1714564800000);
  EXPECT_EQ(parsed_as<StartTime>("time:2024-05-01t12:00:00z").timestamp_ms, 1714564800000);
  EXPECT_EQ(parsed_as<StartTime>("time:2024-05-01 12:00:00Z").timestamp_ms, 1714564800000);
  EXPECT_EQ(parsed_as<StartTime>("time:2024-02-29T23:59:60Z").timestamp_ms, 1709251200000);
}

TEST(StartRule, CountsFractionsDownToMilliseconds) {
  EXPECT_EQ(parsed_as<StartTime>("time:2024-05-01T12:00:00.5Z").timestamp_ms, 1714564800500);
  EXPECT_EQ(parsed_as<StartTime>("time:2024-05-01T12:00:00.123999Z").timestamp_ms, 1714564800123);
}

TEST(StartRule, TakesZones) {
  EXPECT_EQ(parsed_as<StartTime>("time:2024-05-01T14:00:00+02:00").timestamp_ms, 1714564800000);
  EXPECT_EQ(parsed_as<StartTime>("time:2024-05-01T06:30:00-05:30").timestamp_ms, 1714564800000);
}

class RefusedStartRule : public testing::TestWithParam<std::string> {};

TEST_P(RefusedStartRule, IsAnErrorThatNamesTheOptionAndTheValue) {
  try {
    static_cast<void>(parse_start_rule(GetParam()));
    FAIL() << GetParam() << " was taken";
  } catch (const OptionError& error) {
    EXPECT_EQ(error.kind, OptionError::Kind::invalid);
    EXPECT_EQ(error.option, "--from");
    EXPECT_EQ(error.value, GetParam());
    EXPECT_FALSE(error.reason.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    StartRule, RefusedStartRule,
    testing::Values("", "begin", "Resume", " end", "offset", "offset:", "offset:-1", "offset:+1", "offset:1x",
                    "offset:9223372036854775808", "lag:", "lag:-5", "offsets:", "offsets:t/0", "offsets:t=5",
                    "offsets:/0=5", "offsets:t/=5", "offsets:t/0=", "offsets:t/0=5,", "offsets:t/0=5,t/0=6",
                    "offsets:t/-1=5", "offsets:t/0=-5", "time:", "time:-1", "time:yesterday",
                    "time:2024-05-01", "time:2024-05-01T12:00:00", "time:2024-02-30T12:00:00Z",
                    "time:2024-13-01T12:00:00Z", "time:2024-05-01T24:00:00Z", "time:2024-05-01T12:00:61Z",
                    "time:2024-05-01T12:00:00.Z", "time:2024-05-01T12:00:00+2:00",
                    "time:2024-05-01T12:00:00Zx", "time:1969-12-31T23:59:59Z"));

}  // namespace
}  // namespace millrace
