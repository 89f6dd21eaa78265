// How the CPU engine lays out its matrices: in blocks of 32 columns, each [rows][32] without gaps.
//
// A batch is cut into panels of 32 rows, and a panel is such a block: [feature][32 rows of the batch], so
// that the batch lies in the vector lanes. A layer's weights are cut by outputs: [input][32 outputs], and
// after the inputs one more row, the bias. Then all three products of a layer are one loop, which multiplies
// a number of one matrix with a row of 32 of another, and they share one copy of the weights. What is missing
// to a whole block is zero and stays zero.
#pragma once

#include <cstddef>

namespace millrace {

inline constexpr std::size_t kBlock = 32;

[[nodiscard]] constexpr std::size_t blocks_of(std::size_t width) { return (width + kBlock - 1) / kBlock; }
[[nodiscard]] constexpr std::size_t in_whole_blocks(std::size_t width) { return blocks_of(width) * kBlock; }

// From one panel of a batch to the next. One row more than the width needs, so that panels do not lie at the
// same place within a page (float_buffer.h).
[[nodiscard]] constexpr std::size_t panel_floats(std::size_t width) {
  return (in_whole_blocks(width) + 1) * kBlock;
}

}  // namespace millrace
