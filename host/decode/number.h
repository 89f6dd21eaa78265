// One decimal number of a text field.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace millrace {

enum class NumberKind { number, missing, not_a_number, not_finite };

struct ParsedNumber {
  NumberKind kind = NumberKind::not_a_number;
  float value = 0;  // for a number
};

// A whole field, blanks already trimmed: any spelling that a field may have (csv_decoder.h, rules 2 and 3).
[[nodiscard]] ParsedNumber parse_number(std::string_view text);

// Reads a number without exponent and of at most 15 digits (`12`, `-3.75`) from the beginning of [first,
// last). Returns where it ends, or null if there is none, or if it cannot be told exactly here. This is most
// of what topics hold, at a fraction of the cost of a general parser.
//
// Exact: the digits and the power of ten are doubles without error, so their quotient is rounded once
// (Clinger, 1990, "How to read floating point numbers accurately"); rounding it again to float32 gives the
// nearest to the decimal number unless the double lies halfway between two floats. Those are left to the
// general parser. The smallest number here is 1e-15: none becomes a subnormal float, where halfway is
// elsewhere.
[[nodiscard]] inline const char* parse_plain_number(const char* first, const char* last, float& value) {
  static constexpr double kPowersOfTen[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  constexpr int kDigits = 15;

  const char* at = first;
  const bool negative = at != last && *at == '-';
  if (negative) ++at;

  std::uint64_t mantissa = 0;
  const char* const whole = at;
  for (; at != last; ++at) {
    const auto digit = static_cast<unsigned>(*at) - '0';
    if (digit > 9) break;
    mantissa = mantissa * 10 + digit;
  }
  const auto whole_digits = at - whole;
  if (whole_digits == 0 || whole_digits > kDigits) return nullptr;
  if (at == last || *at != '.') {
    const auto number = static_cast<float>(static_cast<std::int64_t>(mantissa));
    value = negative ? -number : number;
    return at;
  }

  const char* const fraction = ++at;
  for (; at != last; ++at) {
    const auto digit = static_cast<unsigned>(*at) - '0';
    if (digit > 9) break;
    mantissa = mantissa * 10 + digit;
  }
  const auto fraction_digits = at - fraction;
  if (whole_digits + fraction_digits > kDigits) return nullptr;
  const double number =
      static_cast<double>(static_cast<std::int64_t>(mantissa)) / kPowersOfTen[fraction_digits];

  constexpr std::uint64_t kBelowFloat = (std::uint64_t{1} << 29) - 1;  // 52 - 23 bits that float32 has not
  constexpr std::uint64_t kHalfway = std::uint64_t{1} << 28;
  if ((std::bit_cast<std::uint64_t>(number) & kBelowFloat) == kHalfway) return nullptr;
  value = static_cast<float>(negative ? -number : number);
  return at;
}

}  // namespace millrace
