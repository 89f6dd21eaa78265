// From the text of a value to a checked value, the same for every place that a value may come from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"
#include "config/options.h"

namespace millrace {

// Throws OptionError (invalid) naming the option as `written`.
[[nodiscard]] OptionValue parse_option_value(const Option& option, std::string_view text,
                                             const std::string& written);

// "a whole number from 1 to 65536": what values an option takes, for errors and documents.
[[nodiscard]] std::string expectation_of(const Option& option);

// "a,b" → {"a", "b"}; fields keep their blanks.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

}  // namespace millrace
