// Kernels that wait, under many seeds, with and without checks: right numbers and no false alarm. On a real
// device too (tests/cuda/real_device).

#include "sample_waits.h"

#include <cstdint>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <string>

#include "cuda/buffer.h"
#include "cuda/stream.h"
#include "cuda/test_device.h"

namespace millrace {
namespace {

constexpr std::uint64_t kSeeds = 200;

template <class Body>
void under_each_seed(Body&& body) {
  for (std::uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const test::TestDevice device(seed);
    body();
  }
}

bool has_counting_barriers() {
  const test::TestDevice device;
  int major = 0;
  EXPECT_EQ(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), cudaSuccess);
  return major >= 9;
}

TEST(SampleWaits, ConsumeTilesThatAnotherWarpFetchesByBulkCopies) {
  if (!has_counting_barriers()) GTEST_SKIP() << "needs sm_90";
  constexpr std::size_t kTiles = 7;
  constexpr std::size_t kThreads = samples::kBulkThreads;
  under_each_seed([] {
    const cuda::Stream stream;
    const cuda::PinnedBuffer<float> host(kTiles * kThreads);
    const cuda::PinnedBuffer<float> result(kThreads);
    const cuda::DeviceBuffer<float> values(host.size(), stream.view());
    const cuda::DeviceBuffer<float> sums(kThreads, stream.view());
    for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<float>(i * i % 1009);
    cuda::copy_async(values.view(), host.view(), stream.view());
    samples::sum_tiles_async(values.view(), sums.view(), stream.view());
    cuda::copy_async(result.view(), sums.view(), stream.view());
    stream.synchronize();
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      float sum = 0;
      for (std::size_t tile = 0; tile < kTiles; ++tile) sum += host[tile * kThreads + kThreads - 1 - thread];
      EXPECT_EQ(result[thread], sum);
    }
  });
}

TEST(SampleWaits, HandATokenRoundAClusterByRemoteBarriers) {
  if (!has_counting_barriers()) GTEST_SKIP() << "needs sm_90";
  under_each_seed([] {
    const cuda::Stream stream;
    const cuda::PinnedBuffer<unsigned> result(1);
    const cuda::DeviceBuffer<unsigned> visits(1, stream.view());
    samples::pass_token_async(2, visits.view(), stream.view());
    cuda::copy_async(result.view(), visits.view(), stream.view());
    stream.synchronize();
    EXPECT_EQ(result[0], 1230123U);
  });
}

void check_prefix_sums(bool by_ticket) {
  constexpr std::size_t kTiles = 9;
  constexpr std::size_t kCount = kTiles * samples::kScanThreads - 5;
  const cuda::Stream stream;
  const cuda::PinnedBuffer<unsigned> host(kCount);
  const cuda::PinnedBuffer<unsigned> result(kCount);
  const cuda::DeviceBuffer<unsigned> values(kCount, stream.view());
  const cuda::DeviceBuffer<unsigned> sums(kCount, stream.view());
  const cuda::DeviceBuffer<unsigned> states(kTiles, stream.view());
  const cuda::DeviceBuffer<unsigned> tile_sums(kTiles, stream.view());
  const cuda::DeviceBuffer<unsigned> sums_up_to(kTiles, stream.view());
  const cuda::DeviceBuffer<unsigned> ticket(1, stream.view());
  for (std::size_t i = 0; i < kCount; ++i) host[i] = static_cast<unsigned>(i * i % 1009);
  cuda::copy_async(values.view(), host.view(), stream.view());
  cuda::fill_zero_async(states.view(), stream.view());
  cuda::fill_zero_async(ticket.view(), stream.view());
  if (by_ticket) {
    samples::prefix_sums_by_ticket_async(values.view(), sums.view(), states.view(), tile_sums.view(),
                                         sums_up_to.view(), ticket.view(), stream.view());
  } else {
    samples::prefix_sums_async(values.view(), sums.view(), states.view(), tile_sums.view(), sums_up_to.view(),
                               stream.view());
  }
  cuda::copy_async(result.view(), sums.view(), stream.view());
  stream.synchronize();
  unsigned sum = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    sum += host[i];
    EXPECT_EQ(result[i], sum);
  }
}

TEST(SampleWaits, AddUpInOnePassByLookingBackAtTheBlocksBefore) {
  under_each_seed([] { check_prefix_sums(false); });
}

TEST(SampleWaits, AddUpInOnePassWhicheverBlockTakesATileFirst) {
  under_each_seed([] { check_prefix_sums(true); });
}

}  // namespace
}  // namespace millrace
