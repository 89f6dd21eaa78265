// The pages of `--help` and `--version`, from the table of options.
#pragma once

#include <string>

#include "config/options.h"

namespace millrace {

[[nodiscard]] std::string program_page();
[[nodiscard]] std::string command_page(Command command);
[[nodiscard]] std::string version_page();

}  // namespace millrace
