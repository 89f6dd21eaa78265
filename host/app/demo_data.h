// The rows of data/breast-cancer-wisconsin.csv, built into the program so that the demo needs no file.
#pragma once

#include <string_view>

namespace millrace {

[[nodiscard]] std::string_view demo_rows();  // CSV text with a header line

}  // namespace millrace
