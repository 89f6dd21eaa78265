// What the exit codes of the program mean. The manual page and docs/exit-codes.md say what stands here.
// Constant data; any thread may use it.
#pragma once

#include <span>
#include <string_view>

#include "millrace/errors.h"

namespace millrace {

struct ExitCodeDescription {
  ExitCode code;
  std::string_view meaning;  // without a full stop; names in backquotes, as Markdown has them
};

// By number, from 0.
[[nodiscard]] std::span<const ExitCodeDescription> exit_code_table();

}  // namespace millrace
