// An engine that forgets an event is found out.
#include <gtest/gtest.h>

#include "millrace/errors.h"

#include "cuda/engine/emulated_engine.h"

namespace millrace::test {
namespace {

constexpr std::uint64_t kWindows = 6;

std::uint64_t waits_of_a_run() {
  const emulated::EmulatedDevice device(emulated_settings(1));
  train_windows(*small_engine(), kWindows);
  return device.calls_of("cudaStreamWaitEvent");
}

bool found_without(const char* call, std::uint64_t nth) {
  emulated::EmulatedDevice device(emulated_settings(1));
  device.skip_call(call, nth);
  try {
    train_windows(*small_engine(), kWindows);
  } catch (const DeviceError&) {  // NOLINT(bugprone-empty-catch): the failures say it
  }
  return !device.take_failures().empty();
}

// The computing of each window waits for its copy. That a slot is filled again after its window was computed
// is the host's doing, in `wait`.
TEST(CudaMissingWait, IsFoundWhicheverItIs) {
  ASSERT_EQ(waits_of_a_run(), kWindows);
  for (std::uint64_t nth = 1; nth <= kWindows; ++nth)
    EXPECT_TRUE(found_without("cudaStreamWaitEvent", nth)) << nth;
}

TEST(CudaMissingWait, OfTheHostIsFoundWhereASlotIsFilledAgain) {
  for (std::uint64_t nth = 1; nth + 2 <= kWindows; ++nth) {
    EXPECT_TRUE(found_without("cudaEventSynchronize", nth)) << nth;
  }
}

}  // namespace
}  // namespace millrace::test
