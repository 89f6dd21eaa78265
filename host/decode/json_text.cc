#include "decode/json_text.h"

namespace millrace {

bool is_json_number(std::string_view text) {
  const char* at = text.data();
  const char* const last = at + text.size();
  const auto digits = [&] {
    const char* const first = at;
    while (at != last && *at >= '0' && *at <= '9') ++at;
    return at != first;
  };
  if (at != last && *at == '-') ++at;
  if (at != last && *at == '0') {
    ++at;
  } else if (!digits()) {
    return false;
  }
  if (at != last && *at == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at != last && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != last && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return false;
  }
  return at == last;
}

bool parse_json_word(std::string_view token, ParsedNumber& number) {
  if (token == "null" || token == "NaN") {
    number = {NumberKind::missing};
  } else if (token == "true" || token == "false") {
    number = {NumberKind::number, token == "true" ? 1.0F : 0.0F};
  } else if (token == "Infinity" || token == "-Infinity") {
    number = {NumberKind::not_finite};
  } else {
    return false;
  }
  return true;
}

bool parse_json_scalar(std::string_view token, ParsedNumber& number) {
  if (!is_json_number(token)) return parse_json_word(token, number);
  number = parse_number(token);
  return true;
}

}  // namespace millrace
