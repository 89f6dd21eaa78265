// Splits rows into a training part and a test part, by seed.
#pragma once

#include <cstdint>
#include <vector>

namespace millrace {

enum class SplitPart { train, test };

struct SplitRule {
  std::uint64_t seed = 1;
  double test_share = 0.4;  // inside (0, 1)
  SplitPart part = SplitPart::train;
};

// How many of `rows` are test rows: the share, rounded up.
[[nodiscard]] std::uint64_t test_rows(std::uint64_t rows, double test_share);

// The rows of one part, in shuffled order. All rows are ordered by a random word each (Philox, keyed by the
// seed; ties by row); the test part is the beginning of that order, the training part is the rest. So the two
// parts of one seed share no row and together hold all.
[[nodiscard]] std::vector<std::uint64_t> split_rows(std::uint64_t rows, const SplitRule& rule);

}  // namespace millrace
