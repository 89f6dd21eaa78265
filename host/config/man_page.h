// The manual page millrace(1), from the table of options.
#pragma once

#include <string>

namespace millrace {

[[nodiscard]] std::string man_page();  // roff with the macros of man(7)

}  // namespace millrace
