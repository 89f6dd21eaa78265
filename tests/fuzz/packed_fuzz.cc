#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "decode/packed_decoder.h"
#include "fuzz/decoded_rows.h"

namespace millrace {
namespace {

// Rows from `first` on, in memory of exactly their size.
std::vector<float> rows_from(const Decoder& decoder, const RecordView& record, std::uint32_t first,
                             std::uint32_t count) {
  std::vector<float> values(std::size_t{count} * decoder.features());
  std::vector<float> labels(count);
  std::vector<DecodeOutcome> outcomes(count);
  decoder.decode({&record, 1}, first, values.data(), labels.data(), outcomes);
  const bool good = outcomes.front().good;
  fuzz::require(good || count == 1);
  for (const DecodeOutcome& outcome : outcomes) fuzz::require(outcome.good == good);
  if (!good) return {};
  for (const float value : values) fuzz::require(!std::isinf(value));
  for (const float label : labels) fuzz::require(label >= 0 && label <= 1);
  values.insert(values.end(), labels.begin(), labels.end());
  return values;
}

void check(const Decoder& decoder, std::string_view value) {
  const std::vector<char> bytes(value.begin(), value.end());
  const RecordView record{
      .key = "1", .value = {bytes.data(), bytes.size()}, .has_key = true, .has_value = true};
  const std::uint32_t rows = decoder.rows_of(record);
  fuzz::require(rows >= 1 && rows <= std::max<std::size_t>(1, value.size() / sizeof(float)));
  rows_from(decoder, record, 0, rows);
  if (rows > 1) rows_from(decoder, record, rows / 2, rows - rows / 2);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  static const PackedDecoder kInValue({.features = 2, .label = {LabelRule::From::column, "label"}});
  static const PackedDecoder kInKey({.features = 3});
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  check(kInValue, value);
  check(kInKey, value);
  return 0;
}
