#include "train/reading.h"

#include <gtest/gtest.h>
#include <vector>

namespace millrace {
namespace {

using When = StopRule::When;

const std::vector<std::int64_t> kEnds{100, 40};

std::optional<std::uint64_t> left(const StopRule& stop, std::int64_t first, std::int64_t second,
                                  std::uint64_t records = 0) {
  const std::vector<CommitOffset> finished{{{"clicks", 0}, first}, {{"clicks", 1}, second}};
  return records_left(stop, kEnds, finished, records);
}

TEST(RecordsLeft, AreThoseBeforeTheEndsThatTheStreamHadAtTheStart) {
  EXPECT_EQ(left({.when = When::end}, 0, 0), 140U);
  EXPECT_EQ(left({.when = When::end}, 90, 40), 10U);
  EXPECT_EQ(left({.when = When::end}, 120, 40), 0U) << "what came since does not count";
}

TEST(RecordsLeft, OfPartitionsThatWereAddedDoNotCount) {
  const std::vector<CommitOffset> finished{{{"clicks", 0}, 100}, {{"clicks", 1}, 39}, {{"clicks", 2}, 0}};
  EXPECT_EQ(records_left({.when = When::end}, kEnds, finished, 0), 1U);
}

TEST(RecordsLeft, AreTheNumberThatWasAskedForLessThoseOfThisRun) {
  EXPECT_EQ(left({.when = When::records, .records = 50}, 90, 40, 20), 30U);
  EXPECT_EQ(left({.when = When::records, .records = 50}, 90, 40, 60), 0U);
}

TEST(RecordsLeft, OfARunThatEndsByNoCountAreUnknown) {
  EXPECT_EQ(left({.when = When::never}, 0, 0), std::nullopt);
  EXPECT_EQ(left({.when = When::idle}, 0, 0), std::nullopt);
}

}  // namespace
}  // namespace millrace
