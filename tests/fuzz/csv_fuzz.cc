#include <cstddef>
#include <cstdint>

#include "decode/csv_decoder.h"
#include "fuzz/decoded_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  static const CsvDecoder kPlain({.features = 3});
  static const CsvDecoder kOther({.features = 2,
                                  .feature_names = {"c", "a"},
                                  .columns = {"a", "b", "c", "label"},
                                  .label = {.from = LabelRule::From::column, .name = "label"},
                                  .separator = '\t'});
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  fuzz::decode(kPlain, value);
  fuzz::decode(kOther, value);
  return 0;
}
