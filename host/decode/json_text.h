// Spellings of JSON that both of its readers must agree on.
#pragma once

#include <string_view>

#include "decode/number.h"

namespace millrace {

[[nodiscard]] inline bool is_json_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// RFC 8259, section 6: no plus sign, no leading zeros, digits on both sides of the point.
[[nodiscard]] bool is_json_number(std::string_view text);

// A word that stands for itself, or one that is none of JSON's and that writers use all the same: NaN is
// missing, Infinity is not finite. False: neither.
[[nodiscard]] bool parse_json_word(std::string_view token, ParsedNumber& number);

// A token that is neither text nor object nor array. False: it is not JSON.
[[nodiscard]] bool parse_json_scalar(std::string_view token, ParsedNumber& number);

// Whether a number that parse_plain_number took from [first, end) is spelt as JSON spells it.
[[nodiscard]] inline bool is_plain_json_number(const char* first, const char* end) {
  if (*first == '-') ++first;
  const bool leads_with_zero = *first == '0' && first + 1 != end && first[1] != '.';
  return !leads_with_zero && end[-1] != '.';
}

}  // namespace millrace
