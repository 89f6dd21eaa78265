// The order in which the rows of a window are trained in one epoch.
//
// Owned by an engine. One thread at a time. Allocates in the constructor only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace millrace {

class Shuffle {
 public:
  explicit Shuffle(std::uint32_t max_rows);

  // The permutation of 0 … rows - 1 that sorting by shuffle_key (millrace/philox.h) gives. It is the
  // caller's to change, until the next call.
  std::span<std::uint32_t> permutation(std::uint64_t seed, std::uint64_t window, std::uint32_t epoch,
                                       std::uint32_t rows);

 private:
  std::vector<std::uint64_t> keys_;         // [max_rows]
  std::vector<std::uint64_t> other_keys_;   // [max_rows] where a sorting pass writes to
  std::vector<std::uint32_t> permutation_;  // [max_rows]
};

}  // namespace millrace
