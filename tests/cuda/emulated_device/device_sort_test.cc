// cuda/library/device_sort.h as the emulated device has it.

#include "cuda/library/device_sort.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <span>
#include <vector>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace {
namespace {

using emulated::EmulatedDevice;

constexpr emulated::Settings kSettings{.check_accesses = MILLRACE_CHECK_ACCESSES};

// Few high words, so that many are equal; low words in no order.
std::vector<std::uint64_t> some_keys(std::size_t count) {
  std::vector<std::uint64_t> keys(count);
  std::uint64_t state = 1;
  for (std::uint64_t& key : keys) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    key = (state >> 61U << 63U) | (state >> 33U & 0x7U) << 32U | (state >> 20U & 0xffffU);
  }
  return keys;
}

struct Sorting {
  explicit Sorting(std::size_t count)
      : host(count),
        keys(count, stream.view()),
        sorted(count, stream.view()),
        workspace(cuda::sort_workspace_bytes(count), stream.view()) {
    const std::vector<std::uint64_t> values = some_keys(count);
    std::copy(values.begin(), values.end(), host.view().begin());
    cuda::copy_async(keys.view(), host.view(), stream.view());
    stream.synchronize();
  }

  void sort_async() const {
    cuda::sort_by_high_word_async(keys.view(), sorted.view(), workspace.view(), stream.view());
  }
  [[nodiscard]] std::vector<std::uint64_t> result() const {
    cuda::copy_async(host.view(), sorted.view(), stream.view());
    stream.synchronize();
    return {host.view().begin(), host.view().end()};
  }

  cuda::Stream stream;
  cuda::PinnedBuffer<std::uint64_t> host;
  cuda::DeviceBuffer<std::uint64_t> keys;
  cuda::DeviceBuffer<std::uint64_t> sorted;
  cuda::DeviceBuffer<std::byte> workspace;
};

TEST(EmulatedDeviceSort, OrdersByTheHighWordAndKeepsTheOrderOfEqualOnes) {
  const EmulatedDevice device(kSettings);
  for (const std::size_t count : {1U, 2U, 31U, 1000U}) {
    const Sorting sorting(count);
    std::vector<std::uint64_t> wanted = some_keys(count);
    std::stable_sort(wanted.begin(), wanted.end(),
                     [](std::uint64_t a, std::uint64_t b) { return a >> 32U < b >> 32U; });
    sorting.sort_async();
    EXPECT_EQ(sorting.result(), wanted);
  }
}

TEST(EmulatedDeviceSort, SortsNothingWithoutALaunch) {
  const EmulatedDevice device(kSettings);
  const Sorting sorting(0);
  const std::uint64_t launches = device.counters().launches;
  sorting.sort_async();
  EXPECT_EQ(device.counters().launches, launches);
}

TEST(EmulatedDeviceSort, IsOneLaunchAndRunsAgainWithEveryReplay) {
  const EmulatedDevice device(kSettings);
  const Sorting sorting(100);
  const cuda::GraphExec exec(cuda::capture(sorting.stream.view(), [&] { sorting.sort_async(); }));
  const std::uint64_t launches = device.counters().launches;
  exec.launch_async(sorting.stream.view());
  cuda::fill_zero_async(sorting.sorted.view(), sorting.stream.view());
  exec.launch_async(sorting.stream.view());
  const std::vector<std::uint64_t> result = sorting.result();
  EXPECT_TRUE(std::is_sorted(result.begin(), result.end(),
                             [](std::uint64_t a, std::uint64_t b) { return a >> 32U < b >> 32U; }));
  EXPECT_NE(result.back(), 0U);
  EXPECT_EQ(device.counters().library_run, 2U);
  EXPECT_EQ(device.counters().launches, launches + 4);  // two replays, the fill, the copy
  EXPECT_EQ(device.calls_of("sort_by_high_word_async"), 1U);
}

TEST(EmulatedDeviceSort, RefusesAWorkspaceThatIsTooSmall) {
  const EmulatedDevice device(kSettings);
  const Sorting sorting(100);
  EXPECT_THROW(cuda::sort_by_high_word_async(sorting.keys.view(), sorting.sorted.view(),
                                             sorting.workspace.view().first(sorting.workspace.size() - 1),
                                             sorting.stream.view()),
               DeviceError);
}

TEST(EmulatedDeviceSort, RefusesArraysThatOverlapOrDifferInLength) {
  const EmulatedDevice device(kSettings);
  const Sorting sorting(100);
  const auto keys = sorting.keys.view();
  const auto workspace = sorting.workspace.view();
  const cudaStream_t stream = sorting.stream.view();
  EXPECT_THROW(cuda::sort_by_high_word_async(keys, keys, workspace, stream), DeviceError);
  EXPECT_THROW(cuda::sort_by_high_word_async(keys.first(60), keys.last(60), workspace, stream), DeviceError);
  EXPECT_THROW(cuda::sort_by_high_word_async(keys, sorting.sorted.view().first(99), workspace, stream),
               DeviceError);
}

TEST(EmulatedDeviceSort, FailsTheCallThatItIsToldToFail) {
  EmulatedDevice device(kSettings);
  const Sorting sorting(10);
  device.fail_call("sort_by_high_word_async", 1, cudaErrorLaunchOutOfResources);
  EXPECT_THROW(sorting.sort_async(), DeviceError);
  EXPECT_NO_THROW(sorting.sort_async());
}

TEST(EmulatedDeviceSort, FindsASortedArrayThatIsReleasedTooEarly) {
  EmulatedDevice device(kSettings);
  {
    const Sorting sorting(10);
    std::span<std::uint64_t> dangling;
    {
      const cuda::DeviceBuffer<std::uint64_t> gone(10, sorting.stream.view());
      dangling = gone.view();
    }
    cuda::sort_by_high_word_async(sorting.keys.view(), dangling, sorting.workspace.view(),
                                  sorting.stream.view());
    EXPECT_THROW(sorting.stream.synchronize(), DeviceError);
  }
  const auto failures = device.take_failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures.front().kind, emulated::Failure::Kind::use_after_free);
  EXPECT_EQ(failures.front().detail.find("sorted: "), 0U);
}

}  // namespace
}  // namespace millrace
