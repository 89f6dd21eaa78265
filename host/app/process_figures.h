// What this process uses, as the kernel counts it.
#pragma once

#include <cstdint>

namespace millrace {

struct ProcessFigures {
  std::uint64_t resident_bytes = 0;
  double cpu_s = 0;  // user and system
  std::uint64_t open_files = 0;
};

// Zeros where /proc is not there.
[[nodiscard]] ProcessFigures process_figures();

}  // namespace millrace
