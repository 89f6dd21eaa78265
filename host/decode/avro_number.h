// What Avro's numbers are as float32, rounded once.
#pragma once

#include <cmath>
#include <string_view>

#include "decode/number.h"

namespace millrace {

[[nodiscard]] inline ParsedNumber number_of(double value) {
  if (std::isnan(value)) return {NumberKind::missing};
  const auto number = static_cast<float>(value);
  return {std::isinf(number) ? NumberKind::not_finite : NumberKind::number, number};
}

// A decimal: unscaled, as a big-endian number in two's complement of at most 16 bytes; more are not a number.
[[nodiscard]] ParsedNumber decimal_of(std::string_view bytes, int scale);

}  // namespace millrace
