#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "decode/json_decoder.h"
#include "decode/json_reader.h"
#include "decode/plain_json.h"
#include "fuzz/decoded_rows.h"

namespace {

using namespace millrace;

DecoderSettings settings(std::vector<std::string> names, bool absent_is_missing) {
  return {.format = RecordFormat::json,
          .features = 4,
          .feature_names = std::move(names),
          .label = {.from = LabelRule::From::column, .name = "[4]"},
          .absent_is_missing = absent_is_missing};
}

// What the one-pass reader takes, the one that knows everything takes as the same row.
void compare_readers(const FieldTree& fields, std::string_view value, bool absent_is_missing) {
  static MetValues met;
  static JsonReader reader;
  const JsonRow::Rules rules{.label_field = 4, .absent_is_missing = absent_is_missing};
  const std::vector<char> bytes(value.begin(), value.end());
  std::vector<float> fast(4);
  std::vector<float> full(4);
  float fast_label = 0;
  float full_label = 0;
  JsonRow fast_row(fields, rules, met, fast.data(), fast_label);
  if (!read_plain_json({bytes.data(), bytes.size()}, fast_row)) return;
  JsonRow full_row(fields, rules, met, full.data(), full_label);
  fuzz::require(reader.read({bytes.data(), bytes.size()}, full_row).good);
  for (std::size_t i = 0; i < 4; ++i) {
    fuzz::require(std::bit_cast<std::uint32_t>(fast[i]) == std::bit_cast<std::uint32_t>(full[i]));
  }
  fuzz::require(fast_label == full_label);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> kNames = {"a", "b.c", "d[1]", "b.e"};
  static const DecoderSettings kUnnamed = settings({}, false);
  static const DecoderSettings kStrict = [] {
    DecoderSettings made = settings(kNames, false);
    made.label.name = "l";
    return made;
  }();
  static const DecoderSettings kLenient = [] {
    DecoderSettings made = settings(kNames, true);
    made.label.name = "l";
    return made;
  }();
  static const JsonDecoder kDecoders[] = {JsonDecoder(kUnnamed), JsonDecoder(kStrict), JsonDecoder(kLenient)};
  static const FieldTree kFields(kStrict);
  static const FieldTree kElements(kUnnamed);
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  for (const JsonDecoder& decoder : kDecoders) fuzz::decode(decoder, value);
  compare_readers(kFields, value, false);
  compare_readers(kFields, value, true);
  compare_readers(kElements, value, false);
  return 0;
}
