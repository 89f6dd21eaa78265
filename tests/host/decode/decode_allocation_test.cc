// Nothing is allocated per record once a decoder has met records like it. A program of its own:
// counted_new.cc replaces operator new for all of it.
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "decode/decoder_choice.h"
#include "host/window/counted_new.h"

namespace millrace {
namespace {

struct Case {
  std::string name;
  DecoderSettings settings;
  std::vector<std::string> values;
};

DecoderSettings two_features(RecordFormat format) {
  return {.format = format, .features = 2, .feature_names = {"a", "b.c"}};
}

std::string of_id(std::uint32_t id, float a, float c) {
  std::string value("\0\0\0\0\0", 5);
  value[4] = static_cast<char>(id);
  value.resize(5 + 2 * sizeof(float));
  std::memcpy(value.data() + 5, &a, sizeof a);
  std::memcpy(value.data() + 5 + sizeof a, &c, sizeof c);
  return value;
}

std::vector<Case> cases() {
  std::vector<Case> made;
  made.push_back({"Csv", {.features = 2}, {"1,2", "\"1\", ?", "1,x", "1", "\"1,2"}});
  made.push_back({"Json",
                  two_features(RecordFormat::json),
                  {R"({"a":1,"b":{"c":2}})", R"({"b":{"c":"2"},"x":"\u00e9","a":1e2})",
                   R"({"\u0061":1,"b":null})", R"({"a":1,"b":{"c":[1]}})", "{", R"({"a":1})", ""}});
  Case avro{
      "Avro", two_features(RecordFormat::avro), {of_id(1, 1, 2), of_id(2, 3, 4), of_id(3, 5, 6), "", "x"}};
  avro.settings.schemas.fetch = [](std::uint32_t id) -> std::optional<AvroSchemaText> {
    if (id == 3) return std::nullopt;
    const std::string inner = R"({"type":"record","name":"B","fields":[{"name":"c","type":"float"}]})";
    const std::string a = R"({"name":"a","type":"float"})";
    const std::string b = R"({"name":"b","type":)" + inner + "}";
    return AvroSchemaText{
        .text = R"({"type":"record","name":"R","fields":[)" + (id == 1 ? a + "," + b : b + "," + a) + "]}",
        .references = {}};
  };
  made.push_back(std::move(avro));
  return made;
}

class DecodeAllocation : public testing::TestWithParam<Case> {};

TEST_P(DecodeAllocation, DoesNotHappenForRecordsOfAKnownKind) {
  const std::unique_ptr<Decoder> decoder = make_decoder(GetParam().settings);
  std::vector<RecordView> records;
  for (const std::string& value : GetParam().values) {
    records.push_back({.key = "1", .value = value, .has_key = true, .has_value = true});
  }
  std::vector<float> values(2 * records.size());
  std::vector<float> labels(records.size());
  std::vector<DecodeOutcome> outcomes(records.size());
  for (int i = 0; i < 2; ++i) decoder->decode(records, 0, values.data(), labels.data(), outcomes);
  const std::uint64_t before = allocations();
  for (int i = 0; i < 100; ++i) decoder->decode(records, 0, values.data(), labels.data(), outcomes);
  EXPECT_EQ(allocations(), before);
}

INSTANTIATE_TEST_SUITE_P(Of, DecodeAllocation, testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace millrace
