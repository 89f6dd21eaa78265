#include "predict/latency.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace millrace {
namespace {

using std::chrono::microseconds;

TEST(LatencyHistogram, KnowsNothingOfNothing) { EXPECT_FALSE(LatencyHistogram().quantile(0.5)); }

TEST(LatencyHistogram, TakesAClockThatIsAheadForNoLatency) {
  LatencyHistogram latency;
  latency.add(microseconds(-5));
  EXPECT_EQ(latency.quantile(1), microseconds(0));
}

TEST(LatencyHistogram, GivesQuantilesThatAreAtMostASixtyFourthTooLarge) {
  std::mt19937_64 random(1);
  LatencyHistogram latency;
  std::vector<std::int64_t> all;
  for (int i = 0; i < 10'000; ++i) {
    all.push_back(static_cast<std::int64_t>(random() >> (1 + random() % 62)));
    latency.add(microseconds(all.back()));
  }
  std::ranges::sort(all);
  for (const double share : {0.0001, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0}) {
    const auto exact = all[static_cast<std::size_t>(std::ceil(share * 10'000)) - 1];
    const auto given = latency.quantile(share)->count();
    EXPECT_GE(given, exact) << share;
    EXPECT_LE(static_cast<double>(given), static_cast<double>(exact) * (1 + 1.0 / 64)) << share;
  }
}

}  // namespace
}  // namespace millrace
