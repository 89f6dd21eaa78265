// Without checks a missing wait shows as wrong numbers under some seeds, as it would on a device on some
// days.

#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
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

// Whether another stream's work ran between two nodes of a graph.
bool comes_between(std::uint64_t seed) {
  const emulated::EmulatedDevice device({.seed = seed});
  const cuda::Stream stream;
  const cuda::Stream other;
  const cuda::DeviceBuffer<float> shared(1, stream.view());
  const cuda::DeviceBuffer<float> before(1, stream.view());
  const cuda::DeviceBuffer<float> after(1, stream.view());
  const cuda::PinnedBuffer<float> one(1);
  const cuda::PinnedBuffer<float> results(2);
  one[0] = 1;
  cuda::fill_zero_async(shared.view(), stream.view());
  const cuda::GraphExec exec(cuda::capture(stream.view(), [&] {
    cuda::copy_async(before.view(), shared.view(), stream.view());
    cuda::copy_async(after.view(), shared.view(), stream.view());
  }));
  stream.synchronize();
  exec.launch_async(stream.view());
  cuda::copy_async(shared.view(), one.view(), other.view());
  cuda::copy_async(results.view().first(1), before.view(), stream.view());
  cuda::copy_async(results.view().last(1), after.view(), stream.view());
  stream.synchronize();
  other.synchronize();
  return results[0] != results[1];
}

TEST(Schedules, LetOtherStreamsWorkRunBetweenTheNodesOfAGraph) {
  std::uint64_t between = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) between += comes_between(seed) ? 1 : 0;
  EXPECT_GT(between, kSeeds / 10);
  EXPECT_LT(between, kSeeds);
}

TEST(Schedules, FindAHostBufferThatIsFilledAgainWhileAGraphThatCopiesItRuns) {
  std::uint64_t found = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    emulated::EmulatedDevice device({.seed = seed});
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(1, stream.view());
    const cuda::DeviceBuffer<float> other(1, stream.view());
    const cuda::PinnedBuffer<float> host(1);
    host[0] = 1;
    const cuda::GraphExec exec(cuda::capture(stream.view(), [&] {
      cuda::fill_zero_async(other.view(), stream.view());
      cuda::copy_async(memory.view(), host.view(), stream.view());
    }));
    exec.launch_async(stream.view());
    host[0] = 2;
    try {
      stream.synchronize();
    } catch (const DeviceError&) {  // counted below
    }
    for (const emulated::Failure& failure : device.take_failures()) {
      EXPECT_EQ(failure.kind, emulated::Failure::Kind::host_buffer_reused) << failure.sentence();
      ++found;
    }
  }
  EXPECT_GT(found, kSeeds / 10);
}

TEST(Schedules, AreTheSeedsAlone) {
  EXPECT_EQ(tally(MissingWait::copy_for_compute), tally(MissingWait::copy_for_compute));
}

}  // namespace
}  // namespace millrace
