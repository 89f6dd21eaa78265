// Correct programs, under many seeds, with and without checks: right numbers and no false alarm.

#include "sample_kernels.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <numeric>
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

emulated::Settings settings_of(std::uint64_t seed) {
  return {.seed = seed, .check_accesses = MILLRACE_CHECK_ACCESSES};
}

// Whole numbers, so that sums are exact in any order.
template <class T>
void count_up(std::span<T> values) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(static_cast<int>(i % 17) - 8);
}

template <class Body>
void under_each_seed(Body&& body) {
  for (std::uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const emulated::EmulatedDevice device(settings_of(seed));
    body();
  }
}

TEST(SampleKernels, SumRowsWithShufflesAndABarrier) {
  constexpr std::size_t kRows = 5;
  constexpr std::size_t kColumns = 131;
  under_each_seed([] {
    const cuda::Stream stream;
    const cuda::PinnedBuffer<float> host(kRows * kColumns);
    const cuda::PinnedBuffer<float> sums(kRows);
    const cuda::DeviceBuffer<float> values(host.size(), stream.view());
    const cuda::DeviceBuffer<float> device_sums(kRows, stream.view());
    count_up(host.view());
    cuda::copy_async(values.view(), host.view(), stream.view());
    samples::sum_rows_async(values.view(), kColumns, device_sums.view(), stream.view());
    cuda::copy_async(sums.view(), device_sums.view(), stream.view());
    stream.synchronize();
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto of_row = host.view().subspan(row * kColumns, kColumns);
      EXPECT_EQ(sums[row], std::accumulate(of_row.begin(), of_row.end(), 0.0F));
    }
  });
}

TEST(SampleKernels, SumByAClusterOverDistributedSharedMemory) {
  under_each_seed([] {
    const cuda::Stream stream;
    const cuda::PinnedBuffer<float> host(1001);
    const cuda::PinnedBuffer<float> sum(1);
    const cuda::DeviceBuffer<float> values(host.size(), stream.view());
    const cuda::DeviceBuffer<float> device_sum(1, stream.view());
    count_up(host.view());
    cuda::copy_async(values.view(), host.view(), stream.view());
    samples::sum_by_cluster_async(values.view(), device_sum.view(), stream.view());
    cuda::copy_async(sum.view(), device_sum.view(), stream.view());
    stream.synchronize();
    EXPECT_EQ(sum[0], std::accumulate(host.view().begin(), host.view().end(), 0.0F));
  });
}

TEST(SampleKernels, ReverseTilesThatAreCopiedAsynchronously) {
  under_each_seed([] {
    const cuda::Stream stream;
    const cuda::PinnedBuffer<float> host(5 * samples::kTile);
    const cuda::PinnedBuffer<float> result(host.size());
    const cuda::DeviceBuffer<float> from(host.size(), stream.view());
    const cuda::DeviceBuffer<float> to(host.size(), stream.view());
    count_up(host.view());
    cuda::copy_async(from.view(), host.view(), stream.view());
    samples::reverse_tiles_async(from.view(), to.view(), stream.view());
    cuda::copy_async(result.view(), to.view(), stream.view());
    stream.synchronize();
    for (std::size_t begin = 0; begin < host.size(); begin += samples::kTile) {
      const auto tile = host.view().subspan(begin, samples::kTile);
      EXPECT_TRUE(
          std::equal(tile.rbegin(), tile.rend(), result.view().begin() + static_cast<std::ptrdiff_t>(begin)));
    }
  });
}

TEST(SampleKernels, CountWithVotesAndAtomicsInAShortLastWarp) {
  under_each_seed([] {
    const cuda::Stream stream;
    const cuda::PinnedBuffer<float> host(333);
    const cuda::PinnedBuffer<unsigned> count(1);
    const cuda::DeviceBuffer<float> values(host.size(), stream.view());
    const cuda::DeviceBuffer<unsigned> device_count(1, stream.view());
    count_up(host.view());
    cuda::copy_async(values.view(), host.view(), stream.view());
    cuda::fill_zero_async(device_count.view(), stream.view());
    samples::count_positive_async(values.view(), device_count.view(), stream.view());
    cuda::copy_async(count.view(), device_count.view(), stream.view());
    stream.synchronize();
    EXPECT_EQ(count[0], std::count_if(host.view().begin(), host.view().end(), [](float x) { return x > 0; }));
  });
}

TEST(SampleKernels, HearTheLanesThatTheyAsk) {
  constexpr std::size_t kValues = 128;
  under_each_seed([] {
    const cuda::Stream stream;
    const cuda::PinnedBuffer<float> host(kValues);
    const cuda::PinnedBuffer<samples::Meeting> result(kValues);
    const cuda::DeviceBuffer<float> values(kValues, stream.view());
    const cuda::DeviceBuffer<samples::Meeting> meetings(kValues, stream.view());
    // Positive: in the first warp all, in the second all but one, in the third one, in the fourth none.
    for (std::size_t i = 0; i < kValues; ++i) {
      const bool positive = i < 64 ? i != 40 : i == 90;
      host[i] = static_cast<float>(i + 1) * (positive ? 1.0F : -1.0F);
    }
    cuda::copy_async(values.view(), host.view(), stream.view());
    samples::meet_async(values.view(), meetings.view(), stream.view());
    cuda::copy_async(result.view(), meetings.view(), stream.view());
    stream.synchronize();
    for (std::size_t i = 0; i < kValues; ++i) {
      SCOPED_TRACE("value " + std::to_string(i));
      const std::size_t lane = i % 32;
      EXPECT_EQ(result[i].of_lane, host[i / 16 * 16 + 5]);
      EXPECT_EQ(result[i].across, host[i ^ 9U]);
      EXPECT_EQ(result[i].below, host[lane >= 3 ? i - 3 : i]);
      EXPECT_EQ(result[i].above, host[lane < 30 ? i + 2 : i]);
      EXPECT_EQ(result[i].any, i / 32 < 3 ? 1U : 0U);
      EXPECT_EQ(result[i].all, i / 32 == 0 ? 1U : 0U);
    }
  });
}

TEST(SampleKernels, HaveMoreThan48KiBOfDynamicSharedMemoryOnceItIsAllowed) {
  constexpr std::size_t kValues = 16384;  // 64 KiB
  const emulated::EmulatedDevice device(settings_of(1));
  const cuda::Stream stream;
  const cuda::PinnedBuffer<float> host(kValues);
  const cuda::PinnedBuffer<float> result(kValues);
  const cuda::DeviceBuffer<float> from(kValues, stream.view());
  const cuda::DeviceBuffer<float> to(kValues, stream.view());
  count_up(host.view());
  cuda::copy_async(from.view(), host.view(), stream.view());
  EXPECT_THROW(samples::reverse_async(from.view(), to.view(), stream.view()), DeviceError);
  samples::allow_large_reversals(kValues);
  samples::reverse_async(from.view(), to.view(), stream.view());
  cuda::copy_async(result.view(), to.view(), stream.view());
  stream.synchronize();
  EXPECT_TRUE(std::equal(host.view().rbegin(), host.view().rend(), result.view().begin()));
}

TEST(SampleKernels, CannotHaveMoreSharedMemoryThanABlockHas) {
  const emulated::EmulatedDevice device(settings_of(1));
  EXPECT_NO_THROW(samples::allow_large_reversals(227 * 1024 / sizeof(float)));
  EXPECT_THROW(samples::allow_large_reversals(228 * 1024 / sizeof(float)), DeviceError);
}

TEST(SampleKernels, OverlapCopiesWithComputingOnTwoStreams) {
  under_each_seed([] { EXPECT_EQ(overlapped_scaling(MissingWait::none), expected_scaling()); });
}

TEST(SampleKernels, ReplayACapturedGraphThatForksAndJoins) {
  under_each_seed([] {
    constexpr std::size_t kCount = 100;
    const cuda::Stream main;
    const cuda::Stream side;
    const cuda::PinnedBuffer<float> host(kCount);
    const cuda::PinnedBuffer<float> result(2);
    const cuda::DeviceBuffer<float> values(kCount, main.view());
    const cuda::DeviceBuffer<float> scaled(2 * kCount, main.view());
    const cuda::DeviceBuffer<float> sums(2, main.view());
    const cuda::Event forked;
    const cuda::Event joined;
    const auto half = [&](std::size_t index) { return scaled.view().subspan(index * kCount, kCount); };
    const cuda::GraphExec exec(cuda::capture(main.view(), [&] {
      cuda::copy_async(values.view(), host.view(), main.view());
      main.record_async(forked);
      side.wait_for_async(forked);
      samples::scale_async(values.view(), 2, 0, half(0), main.view());
      samples::scale_async(values.view(), 3, 1, half(1), side.view());
      side.record_async(joined);
      main.wait_for_async(joined);
      samples::sum_rows_async(scaled.view(), kCount, sums.view(), main.view());
      cuda::copy_async(result.view(), sums.view(), main.view());
    }));
    for (int replay = 1; replay <= 3; ++replay) {
      std::fill(host.view().begin(), host.view().end(), static_cast<float>(replay));
      exec.launch_async(main.view());
      main.synchronize();
      EXPECT_EQ(result[0], 2.0F * static_cast<float>(kCount) * static_cast<float>(replay));
      EXPECT_EQ(result[1], static_cast<float>(kCount) * (3.0F * static_cast<float>(replay) + 1));
    }
  });
}

}  // namespace
}  // namespace millrace
