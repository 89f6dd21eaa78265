#include "window/rows_digest.h"

#define XXH_STATIC_LINKING_ONLY  // a hash state on the stack
#include <bit>
#include <cstddef>
#include <xxhash.h>

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are hashed as they lie in memory");

// Calls visit(first row, rows) for each stretch of rows that lie next to each other in the slot.
template <typename Visit>
void for_each_stretch(const WindowView& window, const Visit& visit) {
  for (std::uint32_t i = 0; i < window.rows;) {
    const std::uint32_t begin = i;
    do {
      ++i;
    } while (i < window.rows && window.row_index[i] == window.row_index[i - 1] + 1);
    visit(std::size_t{window.row_index[begin]}, std::size_t{i - begin});
  }
}

}  // namespace

std::uint64_t rows_digest(const WindowView& window) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  const std::size_t features = window.features;
  for_each_stretch(window, [&](std::size_t row, std::size_t rows) {
    XXH3_64bits_update(&state, window.values + row * features, rows * features * sizeof(float));
  });
  for_each_stretch(window, [&](std::size_t row, std::size_t rows) {
    XXH3_64bits_update(&state, window.labels + row, rows * sizeof(float));
  });
  return XXH3_64bits_digest(&state);
}

}  // namespace millrace
