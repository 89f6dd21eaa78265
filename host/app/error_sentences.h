// What a user is told about an error, and the exit code. The only place where errors become sentences.
#pragma once

#include <exception>
#include <string>

#include "millrace/errors.h"

namespace millrace {

// One sentence on one line, remedy included.
[[nodiscard]] std::string sentence_for(const std::exception& error);

[[nodiscard]] ExitCode exit_code_for(const std::exception& error);

}  // namespace millrace
