#include "app/row_split.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

namespace millrace {
namespace {

using Rows = std::vector<std::uint64_t>;

Rows part(std::uint64_t rows, std::uint64_t seed, SplitPart which, double share = 0.4) {
  return split_rows(rows, {.seed = seed, .test_share = share, .part = which});
}

TEST(RowSplit, GivesTheArticlesPartSizes) {
  EXPECT_EQ(part(699, 1, SplitPart::train).size(), 419U);
  EXPECT_EQ(part(699, 1, SplitPart::test).size(), 280U);
}

TEST(RowSplit, RoundsTheTestShareUpAndTakesSharesAsTheyAreWritten) {
  EXPECT_EQ(test_rows(699, 0.4), 280U);
  EXPECT_EQ(test_rows(1, 0.001), 1U);
  EXPECT_EQ(test_rows(0, 0.5), 0U);
  EXPECT_EQ(test_rows(10, 0.999), 10U);
  // Every share of whole hundredths, of a hundred rows, is exact, although few of them are in binary.
  for (int hundredths = 1; hundredths < 100; ++hundredths) {
    EXPECT_EQ(test_rows(100, hundredths / 100.0), static_cast<std::uint64_t>(hundredths));
  }
}

TEST(RowSplit, PartsAllRowsIntoTwo) {
  for (const std::uint64_t rows : {0U, 1U, 2U, 3U, 31U, 257U, 699U}) {
    for (const std::uint64_t seed : {0ULL, 1ULL, 7ULL, 0xFFFF'FFFF'FFFFULL}) {
      Rows both = part(rows, seed, SplitPart::train);
      const Rows test = part(rows, seed, SplitPart::test);
      both.insert(both.end(), test.begin(), test.end());
      std::ranges::sort(both);
      Rows all(rows);
      std::iota(all.begin(), all.end(), std::uint64_t{0});
      EXPECT_EQ(both, all) << rows << " rows, seed " << seed;
    }
  }
}

TEST(RowSplit, IsTheSameForTheSameSeedAndAnotherForAnother) {
  EXPECT_EQ(part(699, 5, SplitPart::test), part(699, 5, SplitPart::test));
  EXPECT_NE(part(699, 5, SplitPart::test), part(699, 6, SplitPart::test));
}

// Published splits must stay what they are: this pins the order that seed 1 gives.
TEST(RowSplit, NeverChangesForASeed) {
  const Rows test = part(699, 1, SplitPart::test);
  EXPECT_THAT(Rows(test.begin(), test.begin() + 8),
              testing::ElementsAre(352, 465, 386, 430, 654, 500, 170, 362));
}

TEST(RowSplit, SpreadsEveryRowEvenlyOverSeeds) {
  constexpr std::uint64_t kRows = 50;
  constexpr int kSeeds = 2000;
  std::vector<int> in_test(kRows);
  double position_sum = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Rows test = part(kRows, seed, SplitPart::test);
    for (const std::uint64_t row : test) ++in_test[row];
    position_sum += static_cast<double>(test.front());
  }
  // Binomial, n = 2000, p = 0.4: the standard deviation is 22; five of them leave no chance to chance.
  for (const int count : in_test) EXPECT_NEAR(count, 800, 110);
  // The first row of the order is uniform on 0..49: its mean over 2000 seeds has a standard deviation of
  // 0.32.
  EXPECT_NEAR(position_sum / kSeeds, 24.5, 1.6);
}

}  // namespace
}  // namespace millrace
