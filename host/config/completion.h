// Scripts that complete command lines of millrace in a shell, from the table of options. They hold all that
// they need, so completing never starts the program.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// For "bash", "zsh" or "fish". Throws OptionError for any other.
[[nodiscard]] std::string completion_script(std::string_view shell);

}  // namespace millrace
