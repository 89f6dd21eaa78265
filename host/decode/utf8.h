// Whether bytes are well-formed UTF-8.
#pragma once

#include <string_view>

namespace millrace {

// The Unicode Standard 15.0, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. Any thread.
[[nodiscard]] bool is_utf8(std::string_view bytes);

}  // namespace millrace
