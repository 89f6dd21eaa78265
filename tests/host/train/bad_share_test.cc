#include "train/bad_share.h"

#include <gtest/gtest.h>

#include "millrace/errors.h"

namespace millrace {
namespace {

BadRecordCounts counts(BadRecordReason reason, std::uint64_t count) {
  BadRecordCounts bad{};
  bad[static_cast<std::size_t>(reason)] = count;
  return bad;
}
BadRecordCounts malformed(std::uint64_t count) { return counts(BadRecordReason::malformed, count); }

TEST(BadShare, OfOneIsNeverExceeded) {
  BadShare share(1);
  EXPECT_NO_THROW(share.add(20'000, malformed(20'000)));
}

TEST(BadShare, JudgesNothingBeforeAThousandRecords) {
  BadShare share(0.1);
  EXPECT_NO_THROW(share.add(999, malformed(999)));
  EXPECT_THROW(share.add(1, {}), BadShareError);
}

TEST(BadShare, MayBeReachedAndNotExceeded) {
  BadShare share(0.1);
  EXPECT_NO_THROW(share.add(5000, malformed(500)));
  EXPECT_THROW(share.add(10, malformed(2)), BadShareError);
}

TEST(BadShare, OfNothingTakesNoBadRecordAtAll) {
  BadShare share(0);
  EXPECT_NO_THROW(share.add(5000, {}));
  EXPECT_THROW(share.add(100, malformed(1)), BadShareError);
}

TEST(BadShare, ForgetsWhatIsOlderThanTheNewestTenThousand) {
  BadShare share(0.5);
  share.add(400, malformed(400));
  share.add(5000, {});
  for (int window = 0; window < 9; ++window) share.add(500, malformed(500));
  EXPECT_NO_THROW(share.add(500, malformed(500))) << "5,000 of the newest 10,000 are half of them";
  EXPECT_THROW(share.add(500, malformed(500)), BadShareError);
}

TEST(BadShare, LeavesTombstonesAside) {
  BadShare share(0.1);
  EXPECT_NO_THROW(share.add(6000, counts(BadRecordReason::tombstone, 5000)));
  EXPECT_NO_THROW(share.add(100, malformed(100)));              // 100 of 1,100
  EXPECT_THROW(share.add(100, malformed(100)), BadShareError);  // 200 of 1,200, not of 6,200
}

TEST(BadShare, NamesTheCountsAndTheMostFrequentReason) {
  BadShare share(0.25);
  share.add(1000, counts(BadRecordReason::too_large, 100));
  try {
    share.add(1000, malformed(500));
    FAIL() << "600 of 2,000 are more than a quarter";
  } catch (const BadShareError& error) {
    EXPECT_EQ(error.bad, 600U);
    EXPECT_EQ(error.records, 2000U);
    EXPECT_EQ(error.limit, 0.25);
    EXPECT_EQ(error.reason, "malformed");
    EXPECT_EQ(error.exit_code(), ExitCode::bad_records);
  }
}

}  // namespace
}  // namespace millrace
