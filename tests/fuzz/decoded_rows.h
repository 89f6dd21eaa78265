// What holds of any bytes that a decoder meets.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "millrace/decoder.h"

namespace millrace::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

struct Row {
  DecodeOutcome outcome;
  std::vector<float> values;
  float label = 0;
};

// Reads one record as a run would, in memory of exactly its size, and checks what every row promises.
inline Row decode(const Decoder& decoder, std::string_view value) {
  const std::vector<char> bytes(value.begin(), value.end());
  const RecordView record{
      .key = "1", .value = {bytes.data(), bytes.size()}, .has_key = true, .has_value = true};
  Row row{.outcome = {}, .values = std::vector<float>(decoder.features())};
  require(decoder.rows_of(record) == 1);
  decoder.decode({&record, 1}, 0, row.values.data(), &row.label, {&row.outcome, 1});
  if (row.outcome.good) {
    require(row.label >= 0 && row.label <= 1);
    for (const float number : row.values) require(!std::isinf(number));
  } else {
    static_cast<void>(decoder.field_name(row.outcome.field));
  }
  return row;
}

}  // namespace millrace::fuzz
