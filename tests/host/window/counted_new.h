// A program that links counted_new.cc allocates through operators that count.
#pragma once

#include <cstdint>

namespace millrace {

// How often any thread called operator new so far.
[[nodiscard]] std::uint64_t allocations();

}  // namespace millrace
