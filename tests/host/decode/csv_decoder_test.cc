#include "decode/csv_decoder.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "millrace/errors.h"

#include "host/decode/decoded.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsNan;

// What a reader of failures wants to see: "good", or the reason and the field.
std::string told(const DecodeOutcome& outcome) {
  if (outcome.good) return "good";
  return std::string(name_of(outcome.reason)) + " " + std::to_string(outcome.field);
}

RecordView record(std::string_view value, std::string_view key = "1") {
  return {.key = key, .value = value, .has_key = true, .has_value = true};
}

CsvDecoder key_decoder(std::uint32_t features) { return CsvDecoder({.features = features}); }

// `value` alone, in a record whose key is a good label.
Decoded decode(std::uint32_t features, std::string_view value) {
  return decode(key_decoder(features), record(value));
}
std::string told(std::uint32_t features, std::string_view value) {
  return told(decode(features, value).outcome);
}

TEST(CsvDecoder, TakesTheRowFromTheValueAndTheLabelFromTheKey) {
  const Decoded decoded = decode(key_decoder(3), record("5,-1.5,1e3", "0.25"));
  EXPECT_EQ(told(decoded.outcome), "good");
  EXPECT_THAT(decoded.row, ElementsAre(5.0F, -1.5F, 1000.0F));
  EXPECT_EQ(decoded.label, 0.25F);
}

TEST(CsvDecoder, TakesQuestionMarkEmptyAndNanAsMissing) {
  for (const char* missing :
       {"?", "", " ", "NaN", "nan", "NAN", "-nan", "+NaN", " ? ", "\"\"", "\"?\"", "\" nan \""}) {
    const Decoded decoded = decode(3, std::string("1,") + missing + ",3");
    EXPECT_EQ(told(decoded.outcome), "good") << missing;
    EXPECT_THAT(decoded.row, ElementsAre(1.0F, IsNan(), 3.0F)) << missing;
  }
}

TEST(CsvDecoder, RefusesNumbersBeyondFloat32) {
  for (const char* huge : {"1e400", "1e39", "-1e39", "3.5e38", "inf", "-Inf", "+infinity", "\"inf\""}) {
    EXPECT_EQ(told(2, std::string("1,") + huge), "not_finite 1") << huge;
  }
  EXPECT_EQ(decode(1, "3.4028235e38").row[0], std::numeric_limits<float>::max());
  EXPECT_EQ(decode(1, "1e-400").row[0], 0.0F);
}

TEST(CsvDecoder, RefusesTextThatIsNoNumber) {
  for (const char* text : {"abc", "1x", "0x10", "1 2", "--1", "+-1", "++1", "+", "-", ".", "1e", "nan(1)",
                           "??", "1..2", "1.2.3", "nul", "1;2", "é"}) {
    EXPECT_EQ(told(2, std::string("1,") + text), "not_a_number 1") << text;
  }
  EXPECT_EQ(told(1, std::string_view("1\0", 2)), "not_a_number 0");
}

TEST(CsvDecoder, AcceptsPlusSignsBlanksAndBarePoints) {
  EXPECT_THAT(decode(5, " +1 ,\t2, 3.,.5 ,-0").row, ElementsAre(1.0F, 2.0F, 3.0F, 0.5F, 0.0F));
  EXPECT_TRUE(std::signbit(decode(1, "-0").row[0]));
}

TEST(CsvDecoder, CountsFields) {
  EXPECT_EQ(told(2, "1"), "column_count -1");
  EXPECT_EQ(told(2, "1,2,3"), "column_count -1");
  EXPECT_EQ(told(2, "1,2,"), "column_count -1");
  EXPECT_EQ(told(2, "1,"), "good");
  EXPECT_EQ(told(2, ""), "column_count -1");
  EXPECT_EQ(told(2, "\r\n"), "column_count -1");
}

TEST(CsvDecoder, TakesAnEmptyValueAsOneMissingField) {
  const Decoded decoded = decode(1, "");
  EXPECT_EQ(told(decoded.outcome), "good");
  EXPECT_THAT(decoded.row, ElementsAre(IsNan()));
}

TEST(CsvDecoder, CutsOffTheEndOfTheLine) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    EXPECT_THAT(decode(2, std::string("1,2") + end).row, ElementsAre(1.0F, 2.0F));
  }
  EXPECT_EQ(told(2, "1,2\n3"), "not_a_number 1");
}

TEST(CsvDecoder, ReadsQuotedFields) {
  EXPECT_THAT(decode(3, R"("1","2.5", "3" )").row, ElementsAre(1.0F, 2.5F, 3.0F));
  EXPECT_EQ(told(2, R"("1","2")"
                    "\r\n"),
            "good");
  EXPECT_EQ(told(2, R"(1,"a ""b"" c")"), "not_a_number 1");
  EXPECT_EQ(told(2, R"(1,"2,3")"), "not_a_number 1");
}

TEST(CsvDecoder, TakesBrokenQuotesAsMalformed) {
  for (const char* broken : {R"("2)", R"(2")", R"("2"3)", R"("2""3)", R"(2"3"4)", R"(")", R"(""")"}) {
    EXPECT_EQ(told(2, std::string("1,") + broken), "malformed 1") << broken;
  }
}

TEST(CsvDecoder, TakesBytesThatAreNotUtf8AsMalformed) {
  for (const char* bytes :
       {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    EXPECT_EQ(told(2, std::string("1,") + bytes), "malformed -1");
    EXPECT_EQ(told(2, std::string("x,12345678901234567890,") + bytes), "malformed -1");
  }
  EXPECT_EQ(told(2, "1,\xe2\x82\xac"), "not_a_number 1");
  EXPECT_EQ(told(2, "1,\xf4\x8f\xbf\xbf"), "not_a_number 1");
}

TEST(CsvDecoder, TakesNullAsTombstoneWhateverTheKey) {
  EXPECT_EQ(told(decode(key_decoder(2), {.has_key = true}).outcome), "tombstone -1");
  EXPECT_EQ(told(decode(key_decoder(2), {}).outcome), "tombstone -1");
}

TEST(CsvDecoder, RefusesValuesLargerThanTheLimit) {
  const CsvDecoder decoder({.features = 1, .max_record_bytes = 4});
  EXPECT_EQ(told(decode(decoder, record("1.25")).outcome), "good");
  EXPECT_EQ(told(decode(decoder, record("1.250")).outcome), "too_large -1");
}

TEST(CsvDecoder, TellsMissingLabelsFromInvalidOnes) {
  const CsvDecoder decoder = key_decoder(1);
  const auto with_key = [&](std::string_view key) { return told(decode(decoder, record("7", key)).outcome); };
  for (const char* missing : {"", "?", "NaN", " "})
    EXPECT_EQ(with_key(missing), "label_missing -1") << missing;
  for (const char* invalid : {"2", "-1", "1.0001", "-0.001", "inf", "1e400", "yes", "\xff", "-inf"}) {
    EXPECT_EQ(with_key(invalid), "label_invalid -1") << invalid;
  }
  for (const char* good : {"0", "1", "0.5", " 1 ", "+1", "1e-3", "1.0"})
    EXPECT_EQ(with_key(good), "good") << good;
  EXPECT_EQ(told(decode(decoder, {.value = "7", .has_value = true}).outcome), "label_missing -1");
}

TEST(CsvDecoder, TakesTheLabelFromAHeader) {
  const CsvDecoder decoder({.features = 1, .label = {LabelRule::From::header, "y"}});
  RecordView view{.value = "7", .header = "1", .has_value = true, .has_header = true};
  EXPECT_EQ(decode(decoder, view).label, 1.0F);
  view.header = "";
  EXPECT_EQ(told(decode(decoder, view).outcome), "label_missing -1");
  view = {.key = "1", .value = "7", .has_key = true, .has_value = true};
  EXPECT_EQ(told(decode(decoder, view).outcome), "label_missing -1");
}

TEST(CsvDecoder, TakesTheLabelFromAColumnAndTheOthersAsFeatures) {
  const CsvDecoder decoder(
      {.features = 2, .columns = {"a", "y", "b"}, .label = {LabelRule::From::column, "y"}});
  const Decoded decoded = decode(decoder, {.value = "7,1,8", .has_value = true});
  EXPECT_THAT(decoded.row, ElementsAre(7.0F, 8.0F));
  EXPECT_EQ(decoded.label, 1.0F);
  EXPECT_EQ(told(decode(decoder, record("7,?,8")).outcome), "label_missing 1");
  EXPECT_EQ(told(decode(decoder, record("7,4,8")).outcome), "label_invalid 1");
  EXPECT_EQ(told(decode(decoder, record("7,x,8")).outcome), "label_invalid 1");
  EXPECT_EQ(decoder.field_name(1), "y");
}

TEST(CsvDecoder, TakesTheNamedFeaturesInTheOrderNamedAndLetsTheOthersHoldAnyText) {
  const CsvDecoder decoder({.features = 2, .feature_names = {"c", "a"}, .columns = {"a", "id", "c", "note"}});
  EXPECT_THAT(decode(decoder, record(R"(1,x-7,3,"well, ""so""")")).row, ElementsAre(3.0F, 1.0F));
  EXPECT_EQ(told(decode(decoder, record("1,x,3,\xc3\xa9t\xc3\xa9")).outcome), "good");
  EXPECT_EQ(told(decode(decoder, record("1,x,3,\xe9t\xe9")).outcome), "malformed -1");
  EXPECT_EQ(told(decode(decoder, record("1,\"x,3,4")).outcome), "malformed 1");
  EXPECT_EQ(told(decode(decoder, record("1,x,3")).outcome), "column_count -1");
}

TEST(CsvDecoder, CallsFieldsByNumberWhereTheyHaveNoName) {
  const CsvDecoder label_second({.features = 2, .label = {LabelRule::From::column, "2"}});
  EXPECT_THAT(decode(label_second, record("7,1,8")).row, ElementsAre(7.0F, 8.0F));
  const CsvDecoder named({.features = 2, .feature_names = {"4", "1"}});
  EXPECT_THAT(decode(named, record("7,x,y,8")).row, ElementsAre(8.0F, 7.0F));
  EXPECT_EQ(told(decode(named, record("7,x,y")).outcome), "column_count -1");
  EXPECT_EQ(named.field_name(3), "4");
  EXPECT_EQ(named.field_name(-1), "");
}

TEST(CsvDecoder, TakesAnotherSeparator) {
  const CsvDecoder tabs({.features = 3, .separator = '\t'});
  EXPECT_THAT(decode(tabs, record("1\t\t 3")).row, ElementsAre(1.0F, IsNan(), 3.0F));
}

TEST(CsvDecoder, RefusesSettingsThatDoNotFitTogether) {
  const auto refusal = [](const DecoderSettings& settings) -> std::string {
    try {
      CsvDecoder decoder(settings);
      return "accepted";
    } catch (const OptionError& error) {
      return error.option + " " + error.value;
    }
  };
  const LabelRule label_y{LabelRule::From::column, "y"};
  EXPECT_EQ(refusal({.features = 0}), "--features 0");
  EXPECT_EQ(refusal({.features = 3, .columns = {"a", "b"}}), "--features 3");
  EXPECT_EQ(refusal({.features = 2, .columns = {"a", "b"}, .label = label_y}), "--label y");
  EXPECT_EQ(refusal({.features = 2, .label = label_y}), "--label y");
  EXPECT_EQ(refusal({.features = 2, .label = {LabelRule::From::column, "0"}}), "--label 0");
  EXPECT_EQ(refusal({.features = 1, .feature_names = {"z"}, .columns = {"a", "b"}}), "--features z");
  EXPECT_EQ(refusal({.features = 1, .feature_names = {"z"}}), "--features z");
  EXPECT_EQ(refusal({.features = 1, .feature_names = {"y"}, .columns = {"a", "y"}, .label = label_y}),
            "--features y");
  EXPECT_EQ(refusal({.features = 2, .feature_names = {"a", "a"}, .columns = {"a", "b"}}), "--features a");
  EXPECT_EQ(refusal({.features = 2, .columns = {"a", "a"}}), "--columns a");
}

TEST(LabelRule, IsReadFromItsThreeForms) {
  EXPECT_EQ(parse_label_rule("key"), (LabelRule{LabelRule::From::key, ""}));
  EXPECT_EQ(parse_label_rule("value:class"), (LabelRule{LabelRule::From::column, "class"}));
  EXPECT_EQ(parse_label_rule("header:a:b"), (LabelRule{LabelRule::From::header, "a:b"}));
  for (const char* wrong : {"", "keys", "value", "value:", "header:", "column:y"}) {
    EXPECT_THROW((void)parse_label_rule(wrong), OptionError) << wrong;
  }
}

TEST(CsvDecoder, AsksForNoLabelWhereRowsHaveNone) {
  const CsvDecoder decoder({.features = 2, .label = {.from = LabelRule::From::none, .name = {}}});
  const RecordView unlabelled{.value = "1,2", .has_value = true};
  const Decoded decoded = decode(decoder, unlabelled);
  EXPECT_EQ(told(decoded.outcome), "good");
  EXPECT_THAT(decoded.row, ElementsAre(1, 2));
  EXPECT_EQ(decoded.label, 0);
}

TEST(BadRecordReason, HasANameOfItsOwnForEachReason) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kBadRecordReasons; ++i)
    names.push_back(name_of(static_cast<BadRecordReason>(i)));
  EXPECT_THAT(names, ElementsAre("tombstone", "column_count", "not_a_number", "not_finite", "label_missing",
                                 "label_invalid", "malformed", "too_large"));
}

// ---- Properties ----

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

template <class Print>
std::string row_text(const std::vector<float>& row, Print print) {
  std::string text;
  for (const float value : row) {
    if (!text.empty()) text += ',';
    text += print(value);
  }
  return text;
}

TEST(CsvDecoder, GivesBackEveryFloatThatWasPrintedInItsShortestForm) {
  std::mt19937 random(1);
  const CsvDecoder decoder = key_decoder(9);
  const auto shortest = [](float value) {
    std::array<char, 64> text{};
    return std::string(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
  };
  const auto fixed = [](float value) {
    std::array<char, 64> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
    return std::string(text.data(), end);
  };
  for (int round = 0; round < 30'000; ++round) {
    std::vector<float> row(9);
    for (float& value : row) {
      // Any bits, or something of the size that features have: the two parsers.
      do value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      while (!std::isfinite(value));
      if (round % 2 == 0) value = std::normal_distribution<float>(0, 1000)(random);
    }
    const std::string text = round % 2 == 0 ? row_text(row, fixed) : row_text(row, shortest);
    const Decoded decoded = decode(decoder, record(text));
    ASSERT_TRUE(decoded.outcome.good) << text;
    for (std::size_t i = 0; i < row.size(); ++i) ASSERT_EQ(bits(decoded.row[i]), bits(row[i])) << text;
  }
}

// Decimal texts near the middle between two floats, where rounding twice would go wrong.
TEST(CsvDecoder, RoundsLikeStrtofEverywhere) {
  std::mt19937_64 random(2);
  const CsvDecoder decoder = key_decoder(1);
  const auto check = [&](const std::string& text) {
    const Decoded decoded = decode(decoder, record(text));
    const float expected = std::strtof(text.c_str(), nullptr);
    ASSERT_EQ(decoded.outcome.good, std::isfinite(expected)) << text;
    if (decoded.outcome.good) {
      ASSERT_EQ(bits(decoded.row[0]), bits(expected)) << text;
    }
  };
  for (int round = 0; round < 100'000; ++round) {
    const auto float_bits = static_cast<std::uint32_t>(random() % 0x7F000000U);
    const double below = std::bit_cast<float>(float_bits);
    const double above = std::bit_cast<float>(float_bits + 1);
    const double middle = below + (above - below) / 2;
    for (const double near : {middle, std::nextafter(middle, 0), std::nextafter(middle, above)}) {
      std::array<char, 400> text{};
      const auto format = round % 2 == 0 ? std::chars_format::fixed : std::chars_format::general;
      const auto end = std::to_chars(text.data(), text.data() + text.size(), near, format, 3 + round % 16);
      if (end.ec == std::errc{}) check({text.data(), end.ptr});
    }
  }
  for (int round = 0; round < 300'000; ++round) {
    const std::string digits = std::to_string(random() % (std::uint64_t{1} << (1 + random() % 63)));
    const std::size_t point = random() % digits.size();
    const std::string sign(random() % 2, '-');
    check(sign + digits.substr(0, point) + std::string(random() % 2, '.') + digits.substr(point));
  }
  for (const std::uint64_t around :
       {std::uint64_t{1} << 24, std::uint64_t{1} << 25, std::uint64_t{1} << 49}) {
    for (std::uint64_t number = around - 70; number < around + 70; ++number) {
      check(std::to_string(number));
      check(std::to_string(number) + ".5");
      check("0.000" + std::to_string(number));
    }
  }
}

// A second reading of the rules, slow and plain: the fields of a line without quotes.
std::optional<std::vector<float>> plain_reading(std::string line, std::size_t fields) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  std::vector<float> row;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(',', at), line.size());
    std::string field = line.substr(at, end - at);
    field.erase(0, field.find_first_not_of(" \t"));
    field.erase(field.find_last_not_of(" \t") + 1);
    if (field.empty() || field == "?") {
      row.push_back(std::numeric_limits<float>::quiet_NaN());
    } else {
      if (field.find_first_not_of("0123456789+-.eE") != std::string::npos) return std::nullopt;
      char* rest = nullptr;
      row.push_back(std::strtof(field.c_str(), &rest));
      if (rest != field.c_str() + field.size() || std::isinf(row.back())) return std::nullopt;
    }
    at = end + 1;
  }
  if (row.size() != fields) return std::nullopt;
  return row;
}

TEST(CsvDecoder, ReadsLinesOfRandomCharactersAsAPlainReaderDoes) {
  std::mt19937 random(3);
  const CsvDecoder decoder = key_decoder(2);
  constexpr std::string_view kAlphabet = "0123456789,,,..+-eE ?\t\n";
  int good = 0;
  for (int round = 0; round < 400'000; ++round) {
    std::string line(random() % 12, ' ');
    for (char& c : line) c = kAlphabet[random() % kAlphabet.size()];
    const Decoded decoded = decode(decoder, record(line));
    const auto expected = plain_reading(line, 2);
    ASSERT_EQ(decoded.outcome.good, expected.has_value()) << "'" << line << "' " << told(decoded.outcome);
    if (!expected) continue;
    ++good;
    for (std::size_t i = 0; i < 2; ++i) {
      if (std::isnan((*expected)[i])) {
        ASSERT_TRUE(std::isnan(decoded.row[i])) << line;
      } else {
        ASSERT_EQ(bits(decoded.row[i]), bits((*expected)[i])) << line;
      }
    }
  }
  EXPECT_GT(good, 10'000);  // the alphabet does make good lines
}

// What sanitizers watch: values are cut to their exact size on the heap.
TEST(CsvDecoder, SurvivesAnyBytes) {
  std::mt19937 random(4);
  const CsvDecoder by_key = key_decoder(3);
  const CsvDecoder by_name({.features = 2,
                            .feature_names = {"c", "a"},
                            .columns = {"a", "b", "c", "y"},
                            .label = {LabelRule::From::column, "y"}});
  constexpr std::string_view kLikely = "0123456789,,,.+-eE?\"\"\"\t\r\n naif";
  for (int round = 0; round < 200'000; ++round) {
    std::vector<char> bytes(random() % 24);
    for (char& c : bytes) {
      c = random() % 8 == 0 ? static_cast<char>(random()) : kLikely[random() % kLikely.size()];
    }
    const std::string_view text(bytes.data(), bytes.size());
    for (const CsvDecoder* decoder : {&by_key, &by_name}) {
      const Decoded decoded = decode(*decoder, record(text, text));
      if (!decoded.outcome.good) {
        ASSERT_LT(static_cast<std::size_t>(decoded.outcome.reason), kBadRecordReasons);
        continue;
      }
      ASSERT_GE(decoded.label, 0.0F);
      ASSERT_LE(decoded.label, 1.0F);
      for (const float value : decoded.row) ASSERT_FALSE(std::isinf(value));
    }
  }
}

}  // namespace
}  // namespace millrace
