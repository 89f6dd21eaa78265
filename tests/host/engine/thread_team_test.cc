#include "engine/thread_team.h"

#include <gtest/gtest.h>
#include <vector>

namespace millrace {
namespace {

// More threads than cores do not come in time, sleep, and have their shares done by others.
TEST(ThreadTeam, DoesEveryShareOfEveryStageOnce) {
  for (const int threads : {1, 2, 5, 16}) {
    ThreadTeam team(threads);
    std::vector<int> runs(static_cast<std::size_t>(threads));
    for (int i = 0; i < 100; ++i) team.run(3, [&](std::size_t, std::size_t share) { ++runs[share]; });
    for (const int count : runs) EXPECT_EQ(count, 300);
  }
}

// Plain numbers, so that a checker of threads sees a stage that begins too early.
TEST(ThreadTeam, AStageSeesWhatAllSharesWroteInTheOneBefore) {
  constexpr std::size_t kThreads = 3;
  ThreadTeam team(kThreads);
  std::size_t written[kThreads] = {};
  int wrong[kThreads] = {};
  for (std::size_t round = 0; round < 50; ++round) {
    team.run(10, [&](std::size_t stage, std::size_t share) {
      if (stage % 2 == 0) {
        written[share] = round + stage;
      } else {
        for (const std::size_t value : written) wrong[share] += value == round + stage - 1 ? 0 : 1;
      }
    });
    for (const std::size_t value : written) EXPECT_EQ(value, round + 8);
  }
  for (const int count : wrong) EXPECT_EQ(count, 0);
}

TEST(ThreadTeam, EndsWithoutEverHavingRun) { const ThreadTeam team(4); }

}  // namespace
}  // namespace millrace
