// One record of one row, decoded.
#pragma once

#include <vector>

#include "millrace/decoder.h"

namespace millrace {

struct Decoded {
  DecodeOutcome outcome;
  std::vector<float> row;
  float label = -1;
};

inline Decoded decode(const Decoder& decoder, const RecordView& record) {
  Decoded decoded;
  decoded.row.resize(decoder.features());
  decoder.decode({&record, 1}, 0, decoded.row.data(), &decoded.label, {&decoded.outcome, 1});
  return decoded;
}

}  // namespace millrace
