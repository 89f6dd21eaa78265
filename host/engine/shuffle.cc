#include "engine/shuffle.h"

#include <array>
#include <cstddef>
#include <utility>

#include "millrace/philox.h"

namespace millrace {
namespace {

// Keys come in the order of their low 32 bits, the rows, and this sort is stable: sorting by the high 32
// bits, 11 of them at a time, sorts by the whole key.
constexpr unsigned kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

void sort_by_digit(std::span<const std::uint64_t> from, std::span<std::uint64_t> to, unsigned lowest_bit) {
  const auto digit = [lowest_bit](std::uint64_t key) { return key >> lowest_bit & (kDigits - 1); };
  std::array<std::uint32_t, kDigits> place = {};
  for (const std::uint64_t key : from) ++place[digit(key)];
  std::uint32_t next = 0;
  for (std::uint32_t& count : place) next += std::exchange(count, next);
  for (const std::uint64_t key : from) to[place[digit(key)]++] = key;
}

}  // namespace

Shuffle::Shuffle(std::uint32_t max_rows) : keys_(max_rows), other_keys_(max_rows), permutation_(max_rows) {}

std::span<std::uint32_t> Shuffle::permutation(std::uint64_t seed, std::uint64_t window, std::uint32_t epoch,
                                              std::uint32_t rows) {
  const std::span keys = std::span(keys_).first(rows);
  const std::span other = std::span(other_keys_).first(rows);
  for (std::uint32_t row = 0; row < rows; ++row) keys[row] = shuffle_key(seed, window, epoch, row);
  sort_by_digit(keys, other, 32);
  sort_by_digit(other, keys, 32 + kDigitBits);
  sort_by_digit(keys, other, 32 + 2 * kDigitBits);
  const std::span permutation = std::span(permutation_).first(rows);
  for (std::uint32_t i = 0; i < rows; ++i) permutation[i] = static_cast<std::uint32_t>(other[i]);
  return permutation;
}

}  // namespace millrace
