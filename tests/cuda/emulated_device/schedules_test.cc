// Without checks a missing wait shows as wrong numbers under some seeds, as it would on a device on some
// days.

#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "millrace/errors.h"

#include "overlapped_scaling.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace {
namespace {

constexpr std::uint64_t kSeeds = 200;

struct Tally {
  int wrong = 0;
  int reused = 0;
  bool operator==(const Tally&) const = default;
};

Tally tally(MissingWait missing) {
  Tally result;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    emulated::EmulatedDevice device({.seed = seed});
    try {
      result.wrong += overlapped_scaling(missing) != expected_scaling() ? 1 : 0;
    } catch (const DeviceError&) {  // counted below
    }
    for (const emulated::Failure& failure : device.take_failures()) {
      EXPECT_EQ(failure.kind, emulated::Failure::Kind::host_buffer_reused) << failure.sentence();
      ++result.reused;
    }
  }
  return result;
}

TEST(Schedules, GiveRightNumbersWhereEveryWaitIsThere) { EXPECT_EQ(tally(MissingWait::none), Tally{}); }

TEST(Schedules, GiveWrongNumbersWhereComputingDoesNotWaitForTheCopy) {
  EXPECT_GT(tally(MissingWait::compute_for_copy).wrong, 20);
}

TEST(Schedules, GiveWrongNumbersWhereTheCopyDoesNotWaitForComputing) {
  EXPECT_GT(tally(MissingWait::copy_for_compute).wrong, 20);
}

TEST(Schedules, FindAHostBufferThatIsFilledAgainBeforeItsCopyEnded) {
  EXPECT_GT(tally(MissingWait::host_for_slot).reused, 20);
}

TEST(Schedules, AreTheSeedsAlone) {
  EXPECT_EQ(tally(MissingWait::copy_for_compute), tally(MissingWait::copy_for_compute));
}

}  // namespace
}  // namespace millrace
