#include "decode/avro_decoder.h"

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
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

// ---- Writing Avro ----

std::string integer(std::int64_t value) {
  auto bits = static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
  std::string bytes;
  for (; bits >= 0x80; bits >>= 7) bytes += static_cast<char>((bits & 0x7F) | 0x80);
  bytes += static_cast<char>(bits);
  return bytes;
}
template <typename T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
std::string float32(float value) { return raw(value); }
std::string float64(double value) { return raw(value); }
std::string text(std::string_view value) {
  std::string bytes = integer(static_cast<std::int64_t>(value.size()));
  bytes.append(value);
  return bytes;
}
std::string of_id(std::uint32_t id, std::string_view datum) {
  std::string value("\0\0\0\0\0", 5);
  for (int i = 4; i > 0; --i, id >>= 8) value[static_cast<std::size_t>(i)] = static_cast<char>(id & 0xFF);
  value.append(datum);
  return value;
}

// ---- Reading it ----

RecordView record(std::string_view value) {
  return {.key = "1", .value = value, .has_key = true, .has_value = true};
}

Decoded decode(const AvroDecoder& decoder, std::string_view value) { return decode(decoder, record(value)); }

std::string told(const AvroDecoder& decoder, std::string_view value) {
  const DecodeOutcome outcome = decode(decoder, value).outcome;
  if (outcome.good) return "good";
  const std::string field = decoder.field_name(outcome.field);
  return std::string(name_of(outcome.reason)) + (field.empty() ? "" : " " + field);
}

DecoderSettings plain(const std::string& schema, std::vector<std::string> features) {
  const auto count = static_cast<std::uint32_t>(features.size());
  return {.format = RecordFormat::avro,
          .features = count,
          .feature_names = std::move(features),
          .schemas = {.text = schema}};
}
DecoderSettings labelled(DecoderSettings settings, const std::string& path) {
  settings.label = {LabelRule::From::column, path};
  return settings;
}
std::string record_of(const std::string& fields) {
  return R"({"type":"record","name":"R","namespace":"n","fields":[)" + fields + "]}";
}
std::string field(const std::string& name, const std::string& type) {
  return R"({"name":")" + name + R"(","type":)" + type + "}";
}
std::string told(const DecoderSettings& settings, std::string_view datum) {
  return told(AvroDecoder(settings), datum);
}
std::vector<float> row(const DecoderSettings& settings, std::string_view datum) {
  const AvroDecoder decoder(settings);
  EXPECT_EQ(told(decoder, datum), "good");
  return decode(decoder, datum).row;
}

const std::string kThree =
    record_of(field("a", R"("float")") + "," + field("b", R"("double")") + "," + field("c", R"("long")"));

TEST(AvroDecoder, TakesFieldsByNameInAnyOrder) {
  const std::string datum = float32(1.5F) + float64(-2.25) + integer(-300);
  EXPECT_THAT(row(plain(kThree, {"a", "b", "c"}), datum), ElementsAre(1.5F, -2.25F, -300.0F));
  EXPECT_THAT(row(plain(kThree, {"c", "a"}), datum), ElementsAre(-300.0F, 1.5F));
}

TEST(AvroDecoder, TakesAllFieldsButTheLabelWhereFeaturesHaveNoNames) {
  const std::string datum = float32(1) + float64(0.5) + integer(3);
  DecoderSettings settings = labelled(plain(kThree, {}), "b");
  settings.features = 2;
  const AvroDecoder decoder(settings);
  const Decoded decoded = decode(decoder, datum);
  EXPECT_THAT(decoded.row, ElementsAre(1.0F, 3.0F));
  EXPECT_EQ(decoded.label, 0.5F);
  settings.features = 3;
  EXPECT_EQ(told(settings, datum), "column_count");
}

TEST(AvroDecoder, TakesAnArrayOfNumbersWhereFeaturesHaveNoNames) {
  DecoderSettings settings = plain(R"({"type":"array","items":"float"})", {});
  settings.features = 2;
  EXPECT_THAT(row(settings, integer(2) + float32(1) + float32(2) + integer(0)), ElementsAre(1.0F, 2.0F));
  EXPECT_THAT(row(settings, integer(1) + float32(1) + integer(-1) + integer(4) + float32(2) + integer(0)),
              ElementsAre(1.0F, 2.0F));
  EXPECT_EQ(told(settings, integer(1) + float32(1) + integer(0)), "column_count 2");
  EXPECT_EQ(told(settings, integer(3) + float32(1) + float32(2) + float32(3) + integer(0)), "column_count");
}

TEST(AvroDecoder, ReadsEveryKindOfNumber) {
  const std::string schema = record_of(
      field("boolean", R"("boolean")") + "," + field("int", R"("int")") + "," + field("text", R"("string")") +
      "," + field("enum", R"({"type":"enum","name":"E","symbols":["X","Y","Z"]})") + "," +
      field("date", R"({"type":"int","logicalType":"date"})") + "," +
      field("decimal", R"({"type":"bytes","logicalType":"decimal","precision":9,"scale":2})") + "," +
      field("fixed",
            R"({"type":"fixed","name":"F","size":3,"logicalType":"decimal","precision":5,"scale":1})"));
  const std::string datum = std::string(1, '\1') + integer(7) + text(" 2.5 ") + integer(2) + integer(19000) +
                            text(std::string("\xFE\x0C", 2)) + std::string("\x00\x01\x00", 3);
  EXPECT_THAT(row(plain(schema, {"boolean", "int", "text", "enum", "date", "decimal", "fixed"}), datum),
              ElementsAre(1.0F, 7.0F, 2.5F, 2.0F, 19000.0F, -5.0F, 25.6F));
}

TEST(AvroDecoder, RoundsDecimalsOnce) {
  const std::string schema =
      record_of(field("d", R"({"type":"bytes","logicalType":"decimal","precision":38,"scale":10})"));
  // 16777217.0000000001: a hair above halfway between two floats, which a double cannot tell.
  EXPECT_THAT(row(plain(schema, {"d"}), text(std::string("\x00\x02\x54\x0B\xE6\x54\x0B\xE4\x01", 9))),
              ElementsAre(16777218.0F));
  EXPECT_THAT(row(plain(schema, {"d"}), text(std::string(16, '\xFF'))), ElementsAre(-1e-10F));
  EXPECT_EQ(told(plain(schema, {"d"}), text(std::string(17, '\1'))), "not_a_number d");
  EXPECT_EQ(told(plain(schema, {"d"}), text("")), "not_a_number d");
}

TEST(AvroDecoder, TakesNullAndNanAsMissing) {
  for (const char* type : {R"(["null","double"])", R"(["null","double","string"])"}) {
    const DecoderSettings settings =
        plain(record_of(field("a", type) + "," + field("b", R"(["float","null"])")), {"a", "b"});
    EXPECT_THAT(row(settings, integer(0) + integer(1)), ElementsAre(IsNan(), IsNan()));
    EXPECT_THAT(row(settings, integer(1) + float64(NAN) + integer(0) + float32(2)),
                ElementsAre(IsNan(), 2.0F));
    EXPECT_THAT(told(settings, integer(3) + integer(1)), ::testing::StartsWith("malformed"));
    EXPECT_THAT(told(settings, integer(-1) + integer(1)), ::testing::StartsWith("malformed"));
  }
}

TEST(AvroDecoder, FindsNestedFieldsByTheirPaths) {
  const std::string inner = R"(["null",{"type":"record","name":"I","fields":[)" + field("x", R"("int")") +
                            "," + field("y", R"({"type":"array","items":["null","float"]})") + "]}]";
  const std::string schema =
      record_of(field("before", R"("string")") + "," + field("r", inner) + "," +
                field("m", R"({"type":"map","values":"n.I"})") + "," + field("after", R"("bytes")"));
  const std::string i1 = integer(5) + integer(2) + integer(0) + integer(1) + float32(6) + integer(0);
  const std::string i2 = integer(8) + integer(0);
  const DecoderSettings settings = plain(schema, {"r.x", "r.y[1]", R"(m.k\.1.x)", "r.y[0]"});
  const std::string map = integer(2) + text("other") + i1 + text("k.1") + i2 + integer(0);
  EXPECT_THAT(row(settings, text("skipped") + integer(1) + i1 + map + text("x")),
              ElementsAre(5.0F, 6.0F, 8.0F, IsNan()));
  // All of a null is missing; what is not in an array or a map is absent.
  EXPECT_THAT(row(settings, text("") + integer(0) + map + text("")),
              ElementsAre(IsNan(), IsNan(), 8.0F, IsNan()));
  EXPECT_EQ(told(settings, text("") + integer(1) + i2 + map + text("")), "column_count r.y[0]");
  EXPECT_EQ(told(settings, text("") + integer(1) + i1 + integer(0) + text("")), R"(column_count m.k\.1.x)");
  EXPECT_EQ(told(settings, text("") + integer(1) + i1 + integer(2) + text("k.1") + i2 + text("k.1") + i2 +
                               integer(0) + text("")),
            R"(malformed m.k\.1.x)");
}

TEST(AvroDecoder, FindsFieldsByTheirAliases) {
  const std::string schema =
      record_of(R"({"name":"years","aliases":["age"],"type":"int"},)" + field("b", R"("int")"));
  EXPECT_THAT(row(plain(schema, {"b", "age"}), integer(1) + integer(2)), ElementsAre(2.0F, 1.0F));
}

TEST(AvroDecoder, PassesOverWhateverNobodyWants) {
  const std::string schema = record_of(
      field(
          "list",
          R"(["null",{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","L"]}]}])") +
      "," + field("array", R"({"type":"array","items":{"type":"array","items":"string"}})") + "," +
      field("map", R"({"type":"map","values":["null","boolean"]})") + "," +
      field("fixed", R"({"type":"fixed","name":"F","size":3})") + "," +
      field("nothing", R"({"type":"array","items":"null"})") + "," + field("a", R"("float")"));
  const std::string list = integer(1) + integer(1) + integer(1) + integer(2) + integer(0);
  const std::string array = integer(-1) + integer(4) + integer(1) + text("x") + integer(0) + integer(1) +
                            integer(1) + text("y") + integer(0) + integer(0);
  const std::string map =
      integer(2) + text("p") + integer(0) + text("q") + integer(1) + std::string(1, '\1') + integer(0);
  const std::string many = integer(std::int64_t{1} << 62) + integer(0);
  EXPECT_THAT(row(plain(schema, {"a"}), list + array + map + "abc" + many + float32(9)), ElementsAre(9.0F));
}

TEST(AvroDecoder, TakesADatumThatIsCutOrTooLongAsMalformed) {
  const std::string schema = record_of(field("a", R"("float")") + "," + field("s", R"("string")") + "," +
                                       field("u", R"(["null","double"])") + "," + field("l", R"("long")") +
                                       "," + field("m", R"({"type":"map","values":"int"})"));
  const DecoderSettings settings = plain(schema, {"a", "u", "l"});
  const std::string datum = float32(1) + text("some text") + integer(1) + float64(2) + integer(1 << 30) +
                            integer(1) + text("k") + integer(5) + integer(0);
  EXPECT_EQ(told(settings, datum), "good");
  for (std::size_t size = 0; size < datum.size(); ++size) {
    EXPECT_THAT(told(settings, datum.substr(0, size)), ::testing::StartsWith("malformed")) << size;
  }
  EXPECT_EQ(told(settings, datum + '\0'), "malformed");
}

TEST(AvroDecoder, RefusesNumbersThatAreNone) {
  const DecoderSettings number = plain(record_of(field("a", R"("long")")), {"a"});
  EXPECT_EQ(told(number, std::string(9, '\xFF') + '\1'), "good");
  EXPECT_EQ(told(number, std::string(9, '\xFF') + '\2'), "malformed a");
  EXPECT_EQ(told(number, std::string(10, '\xFF') + '\1'), "malformed a");
  const DecoderSettings boolean = plain(record_of(field("a", R"("boolean")")), {"a"});
  EXPECT_EQ(told(boolean, "\2"), "malformed a");
  const DecoderSettings string = plain(record_of(field("a", R"("string")")), {"a"});
  EXPECT_EQ(told(string, text("abc")), "not_a_number a");
  EXPECT_EQ(told(string, integer(-1)), "malformed a");
  EXPECT_EQ(told(string, integer(std::int64_t{1} << 62)), "malformed a");
  for (const char* type :
       {R"("bytes")", R"({"type":"array","items":"int"})", R"({"type":"map","values":"int"})"}) {
    EXPECT_EQ(told(plain(record_of(field("a", type)), {"a"}), integer(0)), "not_a_number a") << type;
  }
  const DecoderSettings enumeration =
      plain(record_of(field("a", R"({"type":"enum","name":"E","symbols":["X"]})")), {"a"});
  EXPECT_EQ(told(enumeration, integer(1)), "malformed a");
}

TEST(AvroDecoder, RefusesNumbersBeyondFloat32) {
  const std::string schema = record_of(field("a", R"("float")") + "," + field("b", R"("float")") + "," +
                                       field("d", R"(["null","double"])"));
  const DecoderSettings settings = plain(schema, {"a", "b", "d"});
  EXPECT_EQ(told(settings, float32(1) + float32(-INFINITY) + integer(0)), "not_finite b");
  EXPECT_EQ(told(settings, float32(1) + float32(2) + integer(1) + float64(1e39)), "not_finite d");
}

TEST(AvroDecoder, TakesFieldsThatTheSchemaLacksAsAbsent) {
  DecoderSettings settings = plain(kThree, {"a", "z", "b.x"});
  const std::string datum = float32(1) + float64(2) + integer(3);
  EXPECT_EQ(told(settings, datum), "column_count z");
  settings.absent_is_missing = true;
  EXPECT_THAT(row(settings, datum), ElementsAre(1.0F, IsNan(), IsNan()));
  EXPECT_EQ(told(labelled(settings, "y"), datum), "label_missing y");
}

TEST(AvroDecoder, TakesTheLabelFromAPath) {
  const std::string schema =
      record_of(field("a", R"("float")") + "," + field("l", R"(["null","int","string"])"));
  const DecoderSettings settings = labelled(plain(schema, {"a"}), "l");
  EXPECT_EQ(decode(AvroDecoder(settings), float32(1) + integer(2) + text("0.25")).label, 0.25F);
  EXPECT_EQ(told(settings, float32(1) + integer(0)), "label_missing l");
  EXPECT_EQ(told(settings, float32(1) + integer(1) + integer(2)), "label_invalid l");
}

// ---- Schemas by id ----

struct Registry {
  std::atomic<int> asked = 0;
  AvroSchemas schemas() {
    return {
        .text = {}, .fetch = [this](std::uint32_t id) -> std::optional<AvroSchemaText> {
          ++asked;
          if (id == 7) return AvroSchemaText{.text = kThree, .references = {}};
          if (id == 0x01020304) {
            return AvroSchemaText{
                .text = record_of(field("b", R"("float")") + "," + field("a", R"("n.Money")")),
                .references = {
                    R"({"type":"fixed","name":"n.Money","size":2,"logicalType":"decimal","precision":4})"}};
          }
          if (id == 9) return AvroSchemaText{.text = "{", .references = {}};
          return std::nullopt;
        }};
  }
};

TEST(AvroDecoder, TakesTheSchemaThatTheIdOfARecordNames) {
  Registry registry;
  DecoderSettings settings = plain("", {"a", "b"});
  settings.schemas = registry.schemas();
  const AvroDecoder decoder(settings);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(decode(decoder, of_id(7, float32(1) + float64(2) + integer(3))).row, ElementsAre(1.0F, 2.0F));
    EXPECT_THAT(decode(decoder, of_id(0x01020304, float32(4) + std::string("\1\0", 2))).row,
                ElementsAre(256.0F, 4.0F));
  }
  EXPECT_EQ(registry.asked, 2);
}

TEST(AvroDecoder, TakesRecordsOfIdsWithoutASchemaAsMalformedAndAsksOnce) {
  Registry registry;
  DecoderSettings settings = plain("", {"a"});
  settings.schemas = registry.schemas();
  const AvroDecoder decoder(settings);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(told(decoder, of_id(8, "x")), "malformed");
    EXPECT_EQ(told(decoder, of_id(9, "x")), "malformed");
  }
  EXPECT_EQ(registry.asked, 2);
  for (const std::string& value :
       {std::string(), std::string("\0\0\0\0", 4), "\1" + of_id(7, "").substr(1)}) {
    EXPECT_EQ(told(decoder, value), "malformed");
  }
  EXPECT_EQ(registry.asked, 2);
}

TEST(AvroDecoder, FetchesASchemaOnceForAllThreads) {
  Registry registry;
  DecoderSettings settings = plain("", {"a"});
  settings.schemas = registry.schemas();
  const AvroDecoder decoder(settings);
  const std::string value = of_id(7, float32(1) + float64(2) + integer(3));
  std::vector<int> good(4);
  {
    std::vector<std::jthread> threads;
    threads.reserve(good.size());
    for (int& count : good) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) count += decode(decoder, value).outcome.good ? 1 : 0;
      });
    }
  }
  EXPECT_THAT(good, ::testing::Each(1000));
  EXPECT_EQ(registry.asked, 1);
}

TEST(AvroDecoder, RefusesSettingsThatDoNotFitTogether) {
  EXPECT_THROW(AvroDecoder{plain("", {"a"})}, OptionError);
  EXPECT_THROW(AvroDecoder{plain("{", {"a"})}, OptionError);
  EXPECT_THROW(AvroDecoder{plain(kThree, {"a", "a"})}, OptionError);
  EXPECT_THROW(AvroDecoder{plain(kThree, {})}, OptionError);
}

TEST(AvroSchema, RefusesWhatIsNoSchema) {
  for (
      const char* text :
      {"", "{}", "[]", "1", R"("no.such.Type")", R"({"type":"record"})", R"({"type":"record","name":"R"})",
       R"({"type":"record","name":"R","fields":[1]})", R"({"type":"array"})",
       R"({"type":"fixed","name":"F","size":-1})", R"([["null"]])",
       R"({"type":"enum","name":"","symbols":[]})",
       R"({"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"R","fields":[]}}]})"}) {
    EXPECT_THROW(AvroSchema{text}, AvroSchemaError) << text;
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += R"({"type":"array","items":)";
  EXPECT_THROW(AvroSchema{deep + "1"}, AvroSchemaError);
  EXPECT_THROW(AvroSchema{std::string(100'000, '[') + std::string(100'000, ']')}, AvroSchemaError);
}

TEST(AvroSchema, TakesTheNameOfAPrimitiveWithAndWithoutQuotes) {
  for (const char* text : {"float", R"("float")", R"({"type":"float"})", R"({"type":{"type":"float"}})"}) {
    EXPECT_EQ(AvroSchema(text)[AvroSchema(text).root()].kind, AvroType::Kind::float32) << text;
  }
}

}  // namespace
}  // namespace millrace
