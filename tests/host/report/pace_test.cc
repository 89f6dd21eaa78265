#include "report/pace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::DoubleNear;
using ::testing::Optional;

// Windows of `rows` rows, one every `gap` seconds, until `until`; of a run of 100 000 rows.
double run(Pace& pace, double gap, std::uint64_t rows, double until) {
  constexpr std::uint64_t kAll = 100'000;
  double seconds = 0;
  for (std::uint64_t done = rows; seconds + gap <= until; done += rows) {
    seconds += gap;
    pace.take(seconds, done, kAll - done);
  }
  return seconds;
}

TEST(Pace, IsNothingBeforeTheFirstWindow) {
  const Pace pace;
  EXPECT_EQ(pace.rows_per_s(3), 0);
  EXPECT_EQ(pace.seconds_left(3), std::nullopt);
}

TEST(Pace, OfASteadyStreamIsItsRateAndTellsWhenItEnds) {
  for (const double gap : {0.01, 0.125, 1.0, 4.0}) {
    Pace pace;
    const double seconds = run(pace, gap, static_cast<std::uint64_t>(1000 * gap), 40);
    EXPECT_NEAR(pace.rows_per_s(seconds), 1000, 30) << gap;
    EXPECT_THAT(pace.seconds_left(seconds), Optional(DoubleNear(60, 2))) << gap;
  }
}

TEST(Pace, FollowsAStreamThatSlowsDown) {
  Pace pace;
  std::uint64_t rows = 0;
  for (int tenth = 1; tenth <= 600; ++tenth) pace.take(tenth * 0.1, rows += 1000);
  for (int tenth = 601; tenth <= 660; ++tenth) pace.take(tenth * 0.1, rows += 10);
  EXPECT_NEAR(pace.rows_per_s(66), 100, 5) << "six seconds later, nothing of the former rate is left";
}

TEST(Pace, OfAStreamThatStandsStillFallsToNothingAndNobodyKnowsTheEnd) {
  Pace pace;
  const double stopped = run(pace, 0.1, 100, 20);
  double before = pace.rows_per_s(stopped);
  for (double since = 0.5; since < 5; since += 0.5) {
    const double now = pace.rows_per_s(stopped + since);
    EXPECT_LT(now, before);
    before = now;
  }
  EXPECT_EQ(pace.rows_per_s(stopped + 5.2), 0);
  EXPECT_EQ(pace.seconds_left(stopped + 5.2), std::nullopt);
}

TEST(Pace, DoesNotCountAPauseAgainstWhatComesAfterIt) {
  Pace pace;
  run(pace, 0.1, 100, 20);
  std::uint64_t rows = 20'000;
  for (int tenth = 1; tenth <= 100; ++tenth) pace.take(50 + tenth * 0.1, rows += 100);
  EXPECT_NEAR(pace.rows_per_s(60), 1000, 30);
}

TEST(Pace, OfWindowsThatTakeLongerThanItsSecondsIsStillTheirRate) {
  Pace pace;
  const double seconds = run(pace, 12, 12'000, 90);
  for (double since = 0.5; since < 12; since += 0.5) {
    EXPECT_NEAR(pace.rows_per_s(seconds + since), 1000, 50) << since;
  }
}

TEST(Pace, TellsNoEndBeforeItHasSeenSome) {
  Pace pace;
  pace.take(0.1, 100, 900);
  EXPECT_EQ(pace.seconds_left(0.1), std::nullopt);
  pace.take(0.2, 200, 800);
  EXPECT_EQ(pace.seconds_left(0.2), std::nullopt);
  pace.take(1.1, 1000, 0);
  EXPECT_EQ(pace.seconds_left(1.1), 0);
}

TEST(Pace, OfARunWithoutAnEndHasNoTimeLeft) {
  Pace pace;
  for (int second = 1; second < 20; ++second) pace.take(second, static_cast<std::uint64_t>(second) * 10);
  EXPECT_EQ(pace.seconds_left(20), std::nullopt);
}

}  // namespace
}  // namespace millrace
