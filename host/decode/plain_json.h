// Reads most JSON records in one pass over the bytes as they lie in the consumer's buffer: names are compared
// with those that come next, numbers are converted where they stand.
//
// It checks all of the value, and takes it only if it is good. What it does not know (escapes in names or in
// numbers, code points in four hexadecimal digits, deep nesting), and all that is bad, it leaves to the
// reader that knows everything and names what is wrong.
#pragma once

#include <string_view>

#include "decode/json_row.h"

namespace millrace {

// False: not taken; the row holds anything.
[[nodiscard]] bool read_plain_json(std::string_view value, JsonRow& row);

}  // namespace millrace
