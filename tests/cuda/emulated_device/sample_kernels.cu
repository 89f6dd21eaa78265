#include "cuda/device/async_copy.h"
#include "cuda/device/atomic.h"
#include "cuda/device/block.h"
#include "cuda/device/cluster.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/device/warp.h"
#include "sample_kernels.h"

namespace millrace::samples {

using namespace millrace::cuda;  // NOLINT(google-build-using-namespace): the vocabulary of a kernel file

constexpr unsigned kSumThreads = 96;  // three warps, so that the last step is not a full one
constexpr unsigned kClusterBlocks = 4;

struct WarpSums {
  float of[kSumThreads / kWarpSize];
};

__device__ float warp_sum(float value) {
  for (unsigned bits = kWarpSize / 2; bits > 0; bits /= 2) value += shuffle_xor(value, bits);
  return value;
}

// Valid in thread 0.
__device__ float block_sum(float value) {
  auto& sums = block_shared<WarpSums>();
  const unsigned thread = thread_index().x;
  value = warp_sum(value);
  if (lane_index() == 0) sums.of[thread / kWarpSize] = value;
  block_barrier();
  float sum = 0;
  if (thread == 0) {
    for (const float part : sums.of) sum += part;
  }
  return sum;
}

__global__ void MILLRACE_LAUNCH_BOUNDS(kSumThreads)
    sum_rows(const float* values, unsigned columns, float* sums) {
  const float* row = values + static_cast<std::size_t>(block_index().x) * columns;
  float sum = 0;
  for (unsigned column = thread_index().x; column < columns; column += kSumThreads) sum += ldg(row + column);
  sum = block_sum(sum);
  if (thread_index().x == 0) sums[block_index().x] = sum;
}

struct ClusterPart {
  float sum;
};

__global__ void MILLRACE_LAUNCH_BOUNDS(kSumThreads)
    sum_by_cluster(const float* values, unsigned count, float* result) {
  auto& part = block_shared<ClusterPart>();
  float sum = 0;
  for (unsigned i = cluster_rank() * kSumThreads + thread_index().x; i < count;
       i += kSumThreads * cluster_size()) {
    sum += values[i];
  }
  sum = block_sum(sum);
  if (thread_index().x == 0) part.sum = sum;
  cluster_barrier();
  if (cluster_rank() == 0 && thread_index().x == 0) {
    float whole = 0;
    for (unsigned rank = 0; rank < cluster_size(); ++rank) whole += map_shared_rank(&part, rank)->sum;
    *result = whole;
  }
  cluster_barrier();
}

constexpr unsigned kScaleThreads = 64;

__global__ void MILLRACE_LAUNCH_BOUNDS(kScaleThreads)
    scale(const float* from, float factor, float addend, float* to, unsigned count) {
  const unsigned i = block_index().x * kScaleThreads + thread_index().x;
  if (i < count) to[i] = millrace::cuda::fma(factor, from[i], addend);
}

// One block; dynamic shared memory holds two tiles.
__global__ void MILLRACE_LAUNCH_BOUNDS(kTile) reverse_tiles(const float* from, float* to, unsigned tiles) {
  auto* buffer = reinterpret_cast<float*>(block_dynamic());  // [2][kTile]
  const unsigned thread = thread_index().x;
  const auto fetch = [&](unsigned tile) {
    millrace::cuda::copy_async<4>(buffer + tile % 2 * kTile + thread, from + tile * kTile + thread);
    copy_commit();
  };
  fetch(0);
  for (unsigned tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles) {
      fetch(tile + 1);
      copy_wait<1>();
    } else {
      copy_wait<0>();
    }
    block_barrier();
    to[tile * kTile + thread] = buffer[tile % 2 * kTile + kTile - 1 - thread];
    block_barrier();  // the next round overwrites this tile's place
  }
}

__global__ void MILLRACE_LAUNCH_BOUNDS(kScaleThreads) reverse(const float* from, float* to, unsigned count) {
  auto* all = reinterpret_cast<float*>(block_dynamic());  // [count]
  for (unsigned i = thread_index().x; i < count; i += block_size().x) all[i] = from[i];
  block_barrier();
  for (unsigned i = thread_index().x; i < count; i += block_size().x) to[i] = all[count - 1 - i];
}

__global__ void MILLRACE_LAUNCH_BOUNDS(kScaleThreads) meet(const float* values, Meeting* meetings) {
  const unsigned i = block_index().x * block_size().x + thread_index().x;
  const unsigned half = lane_index() / 16;
  const unsigned mask = half == 0 ? 0x0000ffffU : 0xffff0000U;
  const float mine = values[i];
  Meeting& meeting = meetings[i];
  meeting.of_lane = shuffle(mine, 16 * half + 5, mask);
  meeting.across = shuffle_xor(mine, 9, mask);
  meeting.below = shuffle_up(mine, 3);
  meeting.above = shuffle_down(mine, 2);
  meeting.any = warp_any(mine > 0) ? 1 : 0;
  meeting.all = warp_all(mine > 0) ? 1 : 0;
}

__global__ void MILLRACE_LAUNCH_BOUNDS(kScaleThreads)
    count_positive(const float* values, unsigned count, unsigned* result) {
  const unsigned i = block_index().x * kScaleThreads + thread_index().x;
  const unsigned votes = warp_ballot(i < count && values[i] > 0);
  if (lane_index() == 0) atomic_add(result, popc(votes));
}

namespace {

unsigned blocks_for(std::size_t count) {
  return static_cast<unsigned>((count + kScaleThreads - 1) / kScaleThreads);
}

}  // namespace

void sum_rows_async(std::span<const float> values, std::size_t columns, std::span<float> sums,
                    cudaStream_t stream) {
  launch<sum_rows>({.grid = static_cast<unsigned>(sums.size()), .block = kSumThreads}, stream, values.data(),
                   static_cast<unsigned>(columns), sums.data());
}

void sum_by_cluster_async(std::span<const float> values, std::span<float> sum, cudaStream_t stream) {
  launch<sum_by_cluster>({.grid = kClusterBlocks, .block = kSumThreads, .cluster = kClusterBlocks}, stream,
                         values.data(), static_cast<unsigned>(values.size()), sum.data());
}

void scale_async(std::span<const float> from, float factor, float addend, std::span<float> to,
                 cudaStream_t stream) {
  launch<scale>({.grid = blocks_for(to.size()), .block = kScaleThreads}, stream, from.data(), factor, addend,
                to.data(), static_cast<unsigned>(to.size()));
}

void reverse_tiles_async(std::span<const float> from, std::span<float> to, cudaStream_t stream) {
  launch<reverse_tiles>({.grid = 1, .block = kTile, .dynamic_bytes = 2 * kTile * sizeof(float)}, stream,
                        from.data(), to.data(), static_cast<unsigned>(to.size() / kTile));
}

void reverse_async(std::span<const float> from, std::span<float> to, cudaStream_t stream) {
  launch<reverse>({.grid = 1, .block = kScaleThreads, .dynamic_bytes = from.size_bytes()}, stream,
                  from.data(), to.data(), static_cast<unsigned>(to.size()));
}

void allow_large_reversals(std::size_t count) {
  allow_dynamic_shared<reverse>(static_cast<int>(count * sizeof(float)));
}

void meet_async(std::span<const float> values, std::span<Meeting> meetings, cudaStream_t stream) {
  launch<meet>({.grid = static_cast<unsigned>(values.size() / kScaleThreads), .block = kScaleThreads}, stream,
               values.data(), meetings.data());
}

void count_positive_async(std::span<const float> values, std::span<unsigned> count, cudaStream_t stream) {
  launch<count_positive>({.grid = blocks_for(values.size()), .block = kScaleThreads}, stream, values.data(),
                         static_cast<unsigned>(values.size()), count.data());
}

}  // namespace millrace::samples
