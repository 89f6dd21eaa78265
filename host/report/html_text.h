// Text that may stand anywhere in a page: between tags and in attributes.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// The five characters of markup become entities; control characters, which no page may hold, become spaces.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace millrace
