#include "decode/number.h"

#include <cmath>
#include <fast_float/fast_float.h>
#include <system_error>

namespace millrace {

ParsedNumber parse_number(std::string_view text) {
  if (text.empty() || text == "?") return {NumberKind::missing};
  if (text.front() == '+') {  // std::from_chars takes no plus sign, and neither does fast_float
    text.remove_prefix(1);
    if (text.empty() || text.front() == '-') return {NumberKind::not_a_number};
  }
  const char* const last = text.data() + text.size();
  float value = 0;
  const auto [end, error] = fast_float::from_chars(text.data(), last, value);
  if (end != last || error == std::errc::invalid_argument) return {NumberKind::not_a_number};
  if (std::isnan(value)) {
    if (text.front() == '-') text.remove_prefix(1);
    return {text.size() == 3 ? NumberKind::missing : NumberKind::not_a_number};  // not "nan(7)"
  }
  if (std::isinf(value)) return {NumberKind::not_finite};
  return {NumberKind::number, value};
}

}  // namespace millrace
