#include "window/turn_plan.h"

#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <utility>
#include <vector>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using Turn = std::pair<std::size_t, std::uint32_t>;  // partition, rows

// The turns of one window over partitions that hold so many rows.
std::vector<Turn> turns_of_window(TurnPlan& plan, std::vector<std::uint32_t>& left) {
  std::vector<Turn> turns;
  plan.begin_window();
  while (!plan.full() && !plan.all_passed()) {
    const std::size_t partition = plan.partition();
    const std::uint32_t rows = std::min(plan.grant(), left[partition]);
    if (rows == 0) {
      plan.pass();
      continue;
    }
    left[partition] -= rows;
    plan.took(rows);
    turns.emplace_back(partition, rows);
  }
  return turns;
}

TEST(TurnPlan, SharesAWindowEquallyAndStartsEachOneWithTheFirstPartition) {
  TurnPlan plan(10, 3);
  std::vector<std::uint32_t> left{100, 100, 100};
  EXPECT_THAT(turns_of_window(plan, left), ElementsAre(Turn{0, 4}, Turn{1, 4}, Turn{2, 2}));
  EXPECT_THAT(turns_of_window(plan, left), ElementsAre(Turn{0, 4}, Turn{1, 4}, Turn{2, 2}));
}

TEST(TurnPlan, GoesRoundAgainOverWhoHasMore) {
  TurnPlan plan(12, 3);
  std::vector<std::uint32_t> left{1, 100, 2};
  EXPECT_THAT(turns_of_window(plan, left),
              ElementsAre(Turn{0, 1}, Turn{1, 4}, Turn{2, 2}, Turn{1, 4}, Turn{1, 1}));
}

TEST(TurnPlan, EndsWhenNobodyHasAnything) {
  TurnPlan plan(10, 2);
  std::vector<std::uint32_t> left{1, 2};
  EXPECT_THAT(turns_of_window(plan, left), ElementsAre(Turn{0, 1}, Turn{1, 2}));
  EXPECT_TRUE(plan.all_passed());
  EXPECT_FALSE(plan.full());
}

TEST(TurnPlan, KeepsATurnThatCameInPieces) {
  TurnPlan plan(10, 2);
  plan.took(3);
  EXPECT_EQ(plan.partition(), 0U);
  EXPECT_EQ(plan.grant(), 2U);
  plan.took(2);
  EXPECT_EQ(plan.partition(), 1U);
  EXPECT_EQ(plan.grant(), 5U);
}

TEST(TurnPlan, GrantsEachOfMorePartitionsThanRowsOneRow) {
  TurnPlan plan(2, 5);
  std::vector<std::uint32_t> left{0, 1, 1, 1, 1};
  EXPECT_THAT(turns_of_window(plan, left), ElementsAre(Turn{1, 1}, Turn{2, 1}));
}

}  // namespace
}  // namespace millrace
