#include "decode/json_decoder.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/errors.h"

#include "host/decode/decoded.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsNan;

std::string told(const JsonDecoder& decoder, const DecodeOutcome& outcome) {
  if (outcome.good) return "good";
  const std::string field = decoder.field_name(outcome.field);
  return std::string(name_of(outcome.reason)) + (field.empty() ? "" : " " + field);
}

RecordView record(std::string_view value) {
  return {.key = "1", .value = value, .has_key = true, .has_value = true};
}

DecoderSettings named(std::vector<std::string> features) {
  const auto count = static_cast<std::uint32_t>(features.size());
  return {.format = RecordFormat::json, .features = count, .feature_names = std::move(features)};
}
DecoderSettings labelled(DecoderSettings settings, const std::string& path) {
  settings.label = {LabelRule::From::column, path};
  return settings;
}
DecoderSettings unnamed(std::uint32_t features) {
  return {.format = RecordFormat::json, .features = features};
}

std::vector<float> row(const DecoderSettings& settings, std::string_view value) {
  const JsonDecoder decoder(settings);
  const Decoded decoded = decode(decoder, record(value));
  EXPECT_EQ(told(decoder, decoded.outcome), "good") << value;
  return decoded.row;
}
std::string told(const DecoderSettings& settings, std::string_view value) {
  const JsonDecoder decoder(settings);
  return told(decoder, decode(decoder, record(value)).outcome);
}

TEST(JsonDecoder, FindsFeaturesByNameWhereverTheyStand) {
  const DecoderSettings settings = named({"a", "b", "c"});
  EXPECT_THAT(row(settings, R"({"a":1,"b":-2.5,"c":1e3})"), ElementsAre(1.0F, -2.5F, 1000.0F));
  EXPECT_THAT(row(settings, R"( { "c" : 1e3 , "x":[{}], "a" : 1, "b":-2.5 } )"
                            "\r\n"),
              ElementsAre(1.0F, -2.5F, 1000.0F));
}

TEST(JsonDecoder, FindsNestedFieldsByTheirPaths) {
  const DecoderSettings settings = named({"a.b", "d[1].x", "a.c", "d[0]", R"(p\.q)", R"(e\[0\]\\)"});
  EXPECT_THAT(row(settings, R"({"d":[4,{"x":2},5],"p.q":5,"a":{"c":3,"b":1},"e[0]\\":6,"p":{"q":7}})"),
              ElementsAre(1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F));
}

TEST(JsonDecoder, FindsNamesThatAreWrittenWithEscapes) {
  EXPECT_THAT(row(named({"é", "q\"", "x"}), R"({"\u00e9":1,"q\"":2,"\u0078":3})"),
              ElementsAre(1.0F, 2.0F, 3.0F));
}

TEST(JsonDecoder, FindsEachOfHundredsOfFeaturesInAnyOrder) {
  std::vector<std::string> names;
  names.reserve(300);
  for (int i = 0; i < 300; ++i) names.push_back("sensor_" + std::to_string(i));
  std::vector<std::size_t> order(names.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  std::string value = "{";
  for (const std::size_t i : order) value += '"' + names[i] + "\":" + std::to_string(i) + ',';
  value.back() = '}';
  const std::vector<float> found = row(named(names), value);
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i], static_cast<float>(i));
}

TEST(JsonDecoder, TakesAnArrayOfNumbersWhereFeaturesHaveNoNames) {
  EXPECT_THAT(row(unnamed(3), "[1, 2.5 ,null]"), ElementsAre(1.0F, 2.5F, IsNan()));
  EXPECT_EQ(told(unnamed(3), "[1,2]"), "column_count [2]");
  EXPECT_EQ(told(unnamed(3), "[1,2,3,4]"), "column_count");
  EXPECT_EQ(told(unnamed(3), R"({"a":1})"), "malformed");
  const JsonDecoder decoder(labelled(unnamed(2), "[1]"));
  const Decoded decoded = decode(decoder, record("[7,0.5,8]"));
  EXPECT_THAT(decoded.row, ElementsAre(7.0F, 8.0F));
  EXPECT_EQ(decoded.label, 0.5F);
}

TEST(JsonDecoder, TakesAnArrayOfOneObjectAsThatObject) {
  EXPECT_THAT(row(named({"a"}), R"([{"a":1}])"), ElementsAre(1.0F));
  EXPECT_EQ(told(named({"a"}), R"([{"a":1},{"a":2}])"), "malformed");
  EXPECT_EQ(told(named({"a"}), "[]"), "malformed");
  EXPECT_EQ(told(named({"a"}), "[1]"), "malformed");
  EXPECT_THAT(row(named({"[0].a", "[1]"}), R"([{"a":1},2])"), ElementsAre(1.0F, 2.0F));
}

TEST(JsonDecoder, PassesOverThePrefixOfConfluentsWireFormat) {
  const std::string prefix("\0\0\0\1\2", 5);
  EXPECT_THAT(row(named({"a"}), prefix + R"({"a":1})"), ElementsAre(1.0F));
  EXPECT_EQ(told(named({"a"}), prefix), "malformed");
  EXPECT_EQ(told(named({"a"}), prefix.substr(1) + R"({"a":1})"), "malformed");
}

TEST(JsonDecoder, TakesNullAndNanAndEmptyTextAsMissing) {
  for (const char* missing : {"null", "NaN", R"("")", R"("NaN")", R"("?")", R"(" ")", R"("nan")"}) {
    EXPECT_THAT(row(named({"a", "b"}), std::string(R"({"a":)") + missing + R"(,"b":1})"),
                ElementsAre(IsNan(), 1.0F))
        << missing;
  }
  EXPECT_THAT(row(named({"a.x", "b", "a.y"}), R"({"a":null,"b":1})"), ElementsAre(IsNan(), 1.0F, IsNan()));
  EXPECT_THAT(row(named({"a[0]", "b"}), R"({"a":null,"b":1})"), ElementsAre(IsNan(), 1.0F));
}

TEST(JsonDecoder, TakesAbsentFieldsAsBadUnlessTheyMayBeMissing) {
  DecoderSettings settings = named({"a", "b.c", "d[2]"});
  EXPECT_EQ(told(settings, R"({"b":{"c":1},"d":[1,2,3]})"), "column_count a");
  EXPECT_EQ(told(settings, R"({"a":1,"b":{},"d":[1,2,3]})"), "column_count b.c");
  EXPECT_EQ(told(settings, R"({"a":1,"b":5,"d":[1,2,3]})"), "column_count b.c");
  EXPECT_EQ(told(settings, R"({"a":1,"b":{"c":1},"d":[1,2]})"), "column_count d[2]");
  settings.absent_is_missing = true;
  EXPECT_THAT(row(settings, R"({"b":{}})"), ElementsAre(IsNan(), IsNan(), IsNan()));
  EXPECT_EQ(told(labelled(settings, "l"), "{}"), "label_missing l");
}

TEST(JsonDecoder, ReadsNumbersInTextAndTruth) {
  EXPECT_THAT(row(named({"a", "b", "c", "d"}), R"({"a":" 1.5 ","b":"\u0032e1","c":true,"d":false})"),
              ElementsAre(1.5F, 20.0F, 1.0F, 0.0F));
}

TEST(JsonDecoder, RefusesWhatIsNoNumber) {
  for (const char* text : {R"("abc")", R"("1x")", "{}", "[]", "[1]", R"({"a":1})", R"("0x10")"}) {
    EXPECT_EQ(told(named({"a"}), std::string(R"({"a":)") + text + "}"), "not_a_number a") << text;
  }
}

TEST(JsonDecoder, RefusesNumbersBeyondFloat32) {
  for (const char* huge : {"1e400", "1e39", "-1e39", "3.5e38", "Infinity", "-Infinity", R"("inf")",
                           "1000000000000000000000000000000000000000"}) {
    EXPECT_EQ(told(named({"a"}), std::string(R"({"a":)") + huge + "}"), "not_finite a") << huge;
  }
  EXPECT_THAT(row(named({"a", "b"}), R"({"a":3.4028235e38,"b":1e-400})"),
              ElementsAre(std::numeric_limits<float>::max(), 0.0F));
}

TEST(JsonDecoder, TakesWhatIsNotJsonAsMalformed) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "1",
                           "null",
                           "\"a\"",
                           R"({"a":1)",
                           R"({"a":1}})",
                           R"({"a":1}x)",
                           R"({"a":1} {"a":1})",
                           R"({"a":1,})",
                           R"({,"a":1})",
                           R"({"a" 1})",
                           R"({"a":1 2})",
                           R"({'a':1})",
                           R"({a:1})",
                           R"({"a":1,"b":tru})",
                           R"({"a":1,"b":[1})",
                           R"({"a":1,"b":{"c":1]})",
                           R"({"a":1,"b":01})",
                           R"({"a":1,"b":"\q"})",
                           R"({"a":1,"\q":1})",
                           R"({"a":1,"b":[1,]})",
                           R"({"a":1,"b":"x)",
                           "{\"a\":1,\"b\":\"\x01\"}",
                           "{\"a\":1,\"b\":\"\xff\"}",
                           "{\"a\":1,\"\xc3\":1}",
                           "{\"a\":1}\xff",
                           "\xef\xbb\xbf{\"a\":1}",
                           R"({"b":1 "a":1})",
                           R"(["a":1])",
                           R"({"a":1,"b":.5})",
                           R"({"a":1,"b":{"c"}})",
                           R"({"a":1,"b":nulll})",
                           R"({"a":1,"b":"\ud800"})"}) {
    EXPECT_EQ(told(named({"a"}), text), "malformed") << text;
  }
  for (const char* number : {"", "01", "-01", "1.", ".5", "+1", "-", "1e", "1e+", "0x1", "1_0", "nan", "True",
                             "1.e5", "--1", "-.5", "1,5x", R"("\q")"}) {
    EXPECT_THAT(told(named({"a"}), std::string(R"({"a":)") + number + "}"),
                ::testing::StartsWith("malformed"))
        << number;
  }
  EXPECT_EQ(told(named({"a"}), std::string_view("{\"a\":1}\0", 8)), "malformed");
}

TEST(JsonDecoder, TakesAFieldThatIsThereTwiceAsMalformed) {
  EXPECT_EQ(told(named({"a", "b"}), R"({"a":1,"b":2,"a":1})"), "malformed a");
  EXPECT_EQ(told(named({"a.x", "b"}), R"({"a":{"x":1},"b":2,"a":{}})"), "malformed a.x");
  EXPECT_EQ(told(named({"a"}), R"({"a":1,"b":2,"b":3})"), "good");
}

TEST(JsonDecoder, TakesDeepNestingAsMalformed) {
  const auto nested = [](std::size_t depth) {
    return R"({"a":1,"b":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(told(named({"a"}), nested(60)), "good");
  EXPECT_EQ(told(named({"a"}), nested(70)), "malformed");
  EXPECT_EQ(told(named({"a"}), nested(100'000)), "malformed");
}

TEST(JsonDecoder, TakesTheLabelFromAPath) {
  const DecoderSettings settings = labelled(named({"a"}), "out.label");
  const JsonDecoder decoder(settings);
  EXPECT_EQ(decode(decoder, record(R"({"out":{"label":"0.25"},"a":1})")).label, 0.25F);
  EXPECT_EQ(decode(decoder, record(R"({"out":{"label":true},"a":1})")).label, 1.0F);
  EXPECT_EQ(told(settings, R"({"a":1})"), "label_missing out.label");
  EXPECT_EQ(told(settings, R"({"a":1,"out":null})"), "label_missing out.label");
  EXPECT_EQ(told(settings, R"({"a":1,"out":{"label":null}})"), "label_missing out.label");
  EXPECT_EQ(told(settings, R"({"a":1,"out":{"label":2}})"), "label_invalid out.label");
  EXPECT_EQ(told(settings, R"({"a":1,"out":{"label":[1]}})"), "label_invalid out.label");
}

TEST(JsonDecoder, TakesTheLabelFromTheKeyAfterTheValueWasGood) {
  const JsonDecoder decoder(named({"a"}));
  EXPECT_EQ(told(decoder, decode(decoder, {.value = R"({"a":1})", .has_value = true}).outcome),
            "label_missing");
  EXPECT_EQ(told(decoder, decode(decoder, {.value = R"({"a":})", .has_value = true}).outcome), "malformed a");
}

TEST(JsonDecoder, TakesNullAsTombstoneAndRefusesLargeValues) {
  DecoderSettings settings = named({"a"});
  settings.max_record_bytes = 7;
  const JsonDecoder decoder(settings);
  EXPECT_EQ(told(decoder, decode(decoder, {.key = "1", .has_key = true}).outcome), "tombstone");
  EXPECT_EQ(told(decoder, decode(decoder, record(R"({"a":1})")).outcome), "good");
  EXPECT_EQ(told(decoder, decode(decoder, record(R"({"a":12})")).outcome), "too_large");
}

// Every digit string of floats: rounding twice, through double, would differ from rounding once.
TEST(JsonDecoder, RoundsOnceFromTheDigits) {
  std::mt19937 random(7);
  const JsonDecoder decoder(named({"a"}));
  for (int i = 0; i < 20'000; ++i) {
    const auto low = std::bit_cast<float>(static_cast<std::uint32_t>(random() % 0x7F000000U));
    const double halfway = (static_cast<double>(low) + std::nextafter(low, INFINITY)) / 2;
    char text[128];
    const double near = std::nextafter(halfway, random() % 2 == 0 ? 0.0 : 1e300);
    const char* const end =
        std::to_chars(text, text + sizeof text, near, std::chars_format::scientific, 25).ptr;
    const std::string digits(static_cast<const char*>(text), end);
    const Decoded decoded = decode(decoder, record(R"({"a":)" + digits + "}"));
    ASSERT_TRUE(decoded.outcome.good) << digits;
    ASSERT_EQ(decoded.row[0], std::strtof(digits.c_str(), nullptr)) << digits;
  }
}

TEST(JsonDecoder, DecodesOnSeveralThreadsAtATime) {
  const JsonDecoder decoder(named({"a", "b"}));
  const std::string value = R"({"b":2,"x":"\n","a":"\u0031"})";
  std::vector<int> good(4);
  {
    std::vector<std::jthread> threads;
    threads.reserve(good.size());
    for (int& count : good) {
      threads.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) count += decode(decoder, record(value)).outcome.good ? 1 : 0;
      });
    }
  }
  EXPECT_THAT(good, ::testing::Each(2000));
}

TEST(JsonDecoder, RefusesPathsThatMakeNoSense) {
  for (const auto& names : std::vector<std::vector<std::string>>{{""},
                                                                 {"a", "a"},
                                                                 {"a", "a.b"},
                                                                 {"a.b", "a"},
                                                                 {"a."},
                                                                 {".a"},
                                                                 {"a..b"},
                                                                 {"a[x]"},
                                                                 {"a[0"},
                                                                 {"a[0]b"},
                                                                 {"a[-1]"},
                                                                 {"a[1000001]"},
                                                                 {"a[0]", "a.b"},
                                                                 {"a\\"},
                                                                 {"a.[0]"}}) {
    EXPECT_THROW(JsonDecoder{named(names)}, OptionError) << names.front();
  }
  EXPECT_THROW(JsonDecoder{labelled(named({"a"}), "a")}, OptionError);
  EXPECT_THROW(JsonDecoder{labelled(unnamed(2), "a")}, OptionError);
  EXPECT_THROW(JsonDecoder{unnamed(0)}, OptionError);
  DecoderSettings columns = named({"a"});
  columns.columns = {"a"};
  EXPECT_THROW(JsonDecoder{columns}, OptionError);
}

}  // namespace
}  // namespace millrace
