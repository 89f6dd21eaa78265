#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "decode/avro_decoder.h"
#include "fuzz/decoded_rows.h"

namespace {

using namespace millrace;

// Every type there is, wanted and passed over.
constexpr const char* kSchema = R"({"type":"record","name":"R","fields":[
  {"name":"a","type":"float"},
  {"name":"u","type":["null","double"]},
  {"name":"skip","type":["null",{"type":"record","name":"L","fields":[
    {"name":"v","type":"bytes"},{"name":"m","type":{"type":"map","values":"long"}},{"name":"next","type":["null","L"]}]}]},
  {"name":"nothing","type":{"type":"array","items":{"type":"record","name":"Z","fields":[{"name":"n","type":"null"}]}}},
  {"name":"list","type":{"type":"array","items":["null","int","string"]}},
  {"name":"map","type":{"type":"map","values":{"type":"array","items":"L"}}},
  {"name":"more","type":{"type":"map","values":"boolean"}},
  {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":3}},
  {"name":"e","type":{"type":"enum","name":"E","symbols":["x","y"]}},
  {"name":"f","type":{"type":"fixed","name":"F","size":2}}]})";

DecoderSettings settings(const char* schema, std::vector<std::string> names, std::uint32_t features,
                         bool lenient) {
  return {.format = RecordFormat::avro,
          .features = features,
          .feature_names = std::move(names),
          .label = {.from = features == 6 ? LabelRule::From::column : LabelRule::From::key, .name = "e"},
          .schemas = {.text = schema, .fetch = {}},
          .absent_is_missing = lenient};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> kNames = {"a", "u", "list[1]", "map.k[0].m.x", "more.on", "d"};
  static const AvroDecoder kStrict(settings(kSchema, kNames, 6, false));
  static const AvroDecoder kLenient(settings(kSchema, kNames, 6, true));
  static const AvroDecoder kArray(
      settings(R"({"type":"array","items":["null","float","long"]})", {}, 3, false));
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  fuzz::decode(kStrict, value);
  fuzz::decode(kLenient, value);
  fuzz::decode(kArray, value);
  return 0;
}
