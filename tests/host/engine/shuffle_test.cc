#include "engine/shuffle.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>

#include "millrace/philox.h"

namespace millrace {
namespace {

std::vector<std::uint32_t> by_definition(std::uint64_t seed, std::uint64_t window, std::uint32_t epoch,
                                         std::uint32_t rows) {
  std::vector<std::uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return shuffle_key(seed, window, epoch, a) < shuffle_key(seed, window, epoch, b);
  });
  return order;
}

TEST(Shuffle, IsThePermutationThatSortingByShuffleKeyGives) {
  Shuffle shuffle(70001);
  for (const std::uint32_t rows : {1U, 2U, 3U, 31U, 32U, 33U, 419U, 2048U, 70001U}) {
    for (const std::uint64_t seed : {std::uint64_t{1}, std::uint64_t{0xFFFFFFFF12345678}}) {
      for (const std::uint64_t window : {std::uint64_t{0}, std::uint64_t{1} << 40}) {
        const auto order = shuffle.permutation(seed, window, 2, rows);
        EXPECT_EQ(std::vector(order.begin(), order.end()), by_definition(seed, window, 2, rows)) << rows;
      }
    }
  }
}

TEST(Shuffle, DiffersBySeedWindowAndEpoch) {
  Shuffle shuffle(100);
  const auto order = [&](std::uint64_t seed, std::uint64_t window, std::uint32_t epoch) {
    const auto permutation = shuffle.permutation(seed, window, epoch, 100);
    return std::vector(permutation.begin(), permutation.end());
  };
  const auto first = order(1, 1, 1);
  EXPECT_NE(order(2, 1, 1), first);
  EXPECT_NE(order(1, 2, 1), first);
  EXPECT_NE(order(1, 1, 2), first);
  EXPECT_EQ(order(1, 1, 1), first);
}

}  // namespace
}  // namespace millrace
