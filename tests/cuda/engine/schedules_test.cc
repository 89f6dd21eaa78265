// Whatever order the device runs its work in, the weights are the same bits.
#include <gtest/gtest.h>

#include "cuda/engine/emulated_engine.h"

namespace millrace::test {
namespace {

constexpr std::uint64_t kWindows = 20;
constexpr std::uint64_t kShares = MILLRACE_CHECK_ACCESSES ? 1 : 4;
constexpr std::uint64_t kSeedsOfAShare = MILLRACE_CHECK_ACCESSES ? 50 : 250;

ModelState state_under(std::uint64_t seed, bool graphs) {
  const emulated::EmulatedDevice device(emulated_settings(seed));
  const auto engine = small_engine({.graphs = graphs});
  return train_windows(*engine, kWindows);
}

// In shares, which run side by side.
class CudaSeeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CudaSeeds, GiveTheSameBits) {
  const ModelState expected = state_under(0, true);
  EXPECT_EQ(expected.step, 3 * kWindows);
  for (std::uint64_t i = 1; i <= kSeedsOfAShare; ++i) {
    const std::uint64_t seed = GetParam() * kSeedsOfAShare + i;
    ASSERT_EQ(state_under(seed, true), expected) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Shares, CudaSeeds, testing::Range<std::uint64_t>(0, kShares));

TEST(CudaSchedules, GiveTheSameBitsWithoutGraphs) {
  const ModelState expected = state_under(1, true);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    ASSERT_EQ(state_under(seed, false), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace millrace::test
