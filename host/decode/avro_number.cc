#include "decode/avro_number.h"

#include <array>
#include <charconv>
#include <cstddef>

namespace millrace {

// Through its digits: what is rounded to a double first may be rounded twice.
ParsedNumber decimal_of(std::string_view bytes, int scale) {
  __extension__ using Wide = __int128;
  if (bytes.empty() || bytes.size() > sizeof(Wide)) return {NumberKind::not_a_number};
  __extension__ using Bits = unsigned __int128;
  const bool negative = (static_cast<unsigned char>(bytes.front()) & 0x80) != 0;
  Bits bits = negative ? ~Bits{0} : Bits{0};
  for (const char byte : bytes) bits = bits << 8 | static_cast<unsigned char>(byte);
  Bits rest = negative ? Bits{0} - bits : bits;

  std::array<char, 64> text{};
  char* at = text.data() + 48;
  char* end = at;
  *end++ = 'e';
  end = std::to_chars(end, text.data() + text.size(), -scale).ptr;
  do {
    *--at = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (negative) *--at = '-';
  return parse_number({at, static_cast<std::size_t>(end - at)});
}

}  // namespace millrace
