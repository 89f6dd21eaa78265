#include "config/option_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/errors.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;

Option option_of(OptionType type, std::string_view metavar = "N", OptionRange range = {}) {
  return {"thing", type, metavar, OptionGroup::rows, {}, {}, "", range, "A thing"};
}

template <typename T>
T parsed(const Option& option, std::string_view text) {
  return std::get<T>(parse_option_value(option, text, "--thing"));
}

// Each of the texts is refused, by name, with the value and with what would be right.
void expect_refused(const Option& option, const std::vector<std::string>& texts,
                    const std::string& expected) {
  for (const std::string& text : texts) {
    try {
      static_cast<void>(parse_option_value(option, text, "--thing"));
      ADD_FAILURE() << '"' << text << "\" was taken";
    } catch (const OptionError& error) {
      EXPECT_EQ(error.kind, OptionError::Kind::invalid);
      EXPECT_EQ(error.option, "--thing");
      EXPECT_EQ(error.value, text);
      EXPECT_EQ(error.reason, expected);
    }
  }
}

TEST(OptionValue, TakesWholeNumbersInTheirRange) {
  const Option option = option_of(OptionType::integer, "N", {.low = -2, .high = 10});
  EXPECT_EQ(parsed<std::int64_t>(option, "-2"), -2);
  EXPECT_EQ(parsed<std::int64_t>(option, "10"), 10);
  expect_refused(option,
                 {"", "-3", "11", "1.5", "1e3", " 1", "1 ", "0x1", "+1", "ten", "99999999999999999999"},
                 "expected a whole number from -2 to 10");
}

TEST(OptionValue, TakesEveryWholeNumberUpToTheLargestWhereThereIsNoBound) {
  const Option option = option_of(OptionType::integer, "S", {.low = 0});
  EXPECT_EQ(parsed<std::int64_t>(option, "9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  expect_refused(option, {"-1", "9223372036854775808"}, "expected a whole number from 0 up");
}

TEST(OptionValue, TakesNumbersBetweenOpenBounds) {
  const Option option =
      option_of(OptionType::number, "R", {.low = 0, .high = 1, .open_low = true, .open_high = true});
  EXPECT_EQ(parsed<double>(option, "0.4"), 0.4);
  EXPECT_EQ(parsed<double>(option, "1e-3"), 1e-3);
  expect_refused(option, {"", "0", "1", "-0.1", "nan", "inf", "-inf", "1e999", "0,4", "0.4x"},
                 "expected a number above 0 and below 1");
}

TEST(OptionValue, TakesMillisecondsAsWholeNumbersOnly) {
  const Option option = option_of(OptionType::milliseconds, "MS", {.low = 1});
  EXPECT_EQ(parsed<std::int64_t>(option, "1000"), 1000);
  expect_refused(option, {"1s", "1.5", "0", "1000ms"}, "expected milliseconds as a whole number from 1 up");
}

TEST(OptionValue, TakesBytesWithBinaryUnits) {
  const Option option = option_of(OptionType::bytes, "N", {.low = 1024});
  EXPECT_EQ(parsed<std::int64_t>(option, "1024"), 1024);
  EXPECT_EQ(parsed<std::int64_t>(option, "1KiB"), 1024);
  EXPECT_EQ(parsed<std::int64_t>(option, "256MiB"), std::int64_t{256} << 20);
  EXPECT_EQ(parsed<std::int64_t>(option, "3GiB"), std::int64_t{3} << 30);
  expect_refused(option,
                 {"", "MiB", "1023", "1MB", "1 MiB", "1.5GiB", "99999999999GiB", "-99999999999GiB", "-1KiB"},
                 "expected bytes as a whole number, or with KiB, MiB or GiB after it, from 1KiB up");
}

TEST(OptionValue, TakesOnlyTheWordsOfAChoice) {
  const Option option = option_of(OptionType::choice, "auto|cuda|cpu");
  for (const char* const word : {"auto", "cuda", "cpu"}) {
    EXPECT_NO_THROW(static_cast<void>(parse_option_value(option, word, "--thing")));
  }
  expect_refused(option, {"", "gpu", "CPU", "cpu|cuda"}, "expected one of auto, cuda, cpu");
}

TEST(OptionValue, TakesFlagsAsTrueOrFalse) {
  const Option option = option_of(OptionType::flag, "");
  EXPECT_TRUE(parsed<bool>(option, "true"));
  EXPECT_TRUE(parsed<bool>(option, "1"));
  EXPECT_FALSE(parsed<bool>(option, "false"));
  EXPECT_FALSE(parsed<bool>(option, "0"));
  expect_refused(option, {"", "yes", "TRUE", "2"}, "expected true or false");
}

TEST(OptionValue, SplitsListsAtCommas) {
  const Option option = option_of(OptionType::list, "A,B,...");
  EXPECT_THAT(parsed<std::vector<std::string>>(option, "a"), ElementsAre("a"));
  EXPECT_THAT(parsed<std::vector<std::string>>(option, "a b,c"), ElementsAre("a b", "c"));
  expect_refused(option, {"", ",", "a,", ",a", "a,,b"},
                 "expected items with commas between them, none of them empty");
}

TEST(OptionValue, ChecksTheNumbersOfAListOfNumbers) {
  const Option option = option_of(OptionType::list, "N,N,...", {.low = 1, .high = 65'536});
  EXPECT_THAT(parsed<std::vector<std::string>>(option, "128,256"), ElementsAre("128", "256"));
  expect_refused(option, {"128,0", "128,x", "65537", "1,"},
                 "expected whole numbers from 1 to 65536 with commas between them");
}

TEST(OptionValue, TakesAnyTextButAnEmptyOne) {
  const Option option = option_of(OptionType::text, "FILE");
  EXPECT_NO_THROW(static_cast<void>(parse_option_value(option, "a = b", "--thing")));
  expect_refused(option, {""}, "expected a text that is not empty");
}

}  // namespace
}  // namespace millrace
