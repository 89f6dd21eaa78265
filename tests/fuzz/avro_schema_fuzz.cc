#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "decode/avro_plan.h"
#include "fuzz/decoded_rows.h"

// A schema, and after a zero byte a datum: as a registry and whoever writes records may give them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\0');
  const std::string text(input.substr(0, cut));
  const std::string_view rest = cut == std::string_view::npos ? std::string_view() : input.substr(cut + 1);
  const std::vector<char> datum(rest.begin(), rest.end());
  for (const std::vector<std::string>& names : {std::vector<std::string>{"a", "b.c", "d[1].x"}, {}}) {
    try {
      const AvroPlan plan(AvroSchema(text), {.features = 3, .feature_names = names});
      std::vector<float> row(3);
      float label = 0;
      const DecodeOutcome outcome = plan.read({datum.data(), datum.size()}, row.data(), label);
      for (const float number : row) fuzz::require(!outcome.good || !std::isinf(number));
    } catch (const AvroSchemaError&) {
    } catch (const OptionError&) {
    }
  }
  return 0;
}
