// What a window holds, as one number: equal windows have equal digests, on every machine.
#pragma once

#include <cstdint>

#include "millrace/window.h"

namespace millrace {

// XXH3-64 over the features of all rows in the window's order, then over their labels, as float32 in
// little-endian order. Where rows stood in the slot does not matter, nor what lies in its holes.
[[nodiscard]] std::uint64_t rows_digest(const WindowView& window);

}  // namespace millrace
