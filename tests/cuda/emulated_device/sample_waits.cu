#include "cuda/device/atomic.h"
#include "cuda/device/barrier.h"
#include "cuda/device/block.h"
#include "cuda/device/cluster.h"
#include "cuda/device/launch.h"
#include "cuda/device/spin_wait.h"
#include "cuda/device/warp.h"
#include "sample_waits.h"

namespace millrace::samples {

using namespace millrace::cuda;  // NOLINT(google-build-using-namespace): the vocabulary of a kernel file

constexpr unsigned kPlaces = 2;
constexpr unsigned kTileBytes = kBulkThreads * sizeof(float);

struct Pipeline {
  alignas(16) float tile[kPlaces][kBulkThreads];
  Barrier full[kPlaces];
  Barrier empty[kPlaces];
};

// The first lane of the last warp produces, so that no consumer waits for it elsewhere.
__global__ void MILLRACE_LAUNCH_BOUNDS(kBulkThreads + kWarpSize)
    sum_tiles(const float* values, unsigned tiles, float* sums) {
  auto& its = block_shared<Pipeline>();
  const unsigned thread = thread_index().x;
  if (thread == 0) {
    for (unsigned place = 0; place < kPlaces; ++place) {
      barrier_init(&its.full[place], 1);
      barrier_init(&its.empty[place], kBulkThreads);
    }
  }
  block_barrier();
  if (thread == kBulkThreads) {
    for (unsigned tile = 0; tile < tiles; ++tile) {
      const unsigned place = tile % kPlaces;
      barrier_wait(&its.empty[place], (tile / kPlaces + 1) % 2);  // the first round finds it empty
      barrier_arrive_expect(&its.full[place], kTileBytes);
      copy_bulk(its.tile[place], values + tile * kBulkThreads, kTileBytes, &its.full[place]);
    }
  } else if (thread < kBulkThreads) {
    float sum = 0;
    for (unsigned tile = 0; tile < tiles; ++tile) {
      const unsigned place = tile % kPlaces;
      barrier_wait(&its.full[place], tile / kPlaces % 2);
      sum += its.tile[place][kBulkThreads - 1 - thread];
      barrier_arrive(&its.empty[place]);
    }
    sums[thread] = sum;
  }
}

struct RingPart {
  Barrier mine;  // the block's turn
  unsigned visits;
};

__global__ void MILLRACE_LAUNCH_BOUNDS(1) pass_token(unsigned rounds, unsigned* visits) {
  auto& part = block_shared<RingPart>();
  const unsigned rank = cluster_rank();
  const unsigned next = (rank + 1) % cluster_size();
  barrier_init(&part.mine, 1);
  if (rank == 0) part.visits = 0;
  cluster_barrier();
  if (rank == 0) barrier_arrive(&part.mine);
  for (unsigned round = 0; round < rounds; ++round) {
    barrier_wait(&part.mine, round % 2);
    unsigned* in_first = &map_shared_rank(&part, 0)->visits;
    *in_first = *in_first * 10 + rank;
    // Nobody waits for the token after the last round.
    if (round + 1 < rounds || next != 0) barrier_arrive_at(&part.mine, next);
  }
  cluster_barrier();
  if (rank == 0) *visits = part.visits;
}

enum State : unsigned { kNothing, kTileSum, kSumUpTo };

struct ScanPart {
  unsigned warp_sums[kScanThreads / kWarpSize];
  unsigned before;
  unsigned tile;
};

__device__ unsigned warp_prefix_sum(unsigned value) {
  for (unsigned distance = 1; distance < kWarpSize; distance *= 2) {
    const unsigned below = shuffle_up(value, distance);
    if (lane_index() >= distance) value += below;
  }
  return value;
}

// What the tiles before `tile` add up to.
__device__ unsigned look_back(unsigned tile, const unsigned* states, const unsigned* tile_sums,
                              const unsigned* sums_up_to) {
  unsigned sum = 0;
  while (tile-- > 0) {
    const unsigned* state = states + tile;
    spin_until([state] { return load_acquire(state) != kNothing; });
    if (load_acquire(state) == kSumUpTo) return sum + sums_up_to[tile];
    sum += tile_sums[tile];
  }
  return sum;
}

__device__ void scan_tile(unsigned tile, const unsigned* values, unsigned count, unsigned* sums,
                          unsigned* states, unsigned* tile_sums, unsigned* sums_up_to) {
  auto& part = block_shared<ScanPart>();
  const unsigned thread = thread_index().x;
  const unsigned i = tile * kScanThreads + thread;
  unsigned sum = warp_prefix_sum(i < count ? values[i] : 0);
  if (lane_index() == kWarpSize - 1) part.warp_sums[thread / kWarpSize] = sum;
  block_barrier();
  for (unsigned warp = 0; warp < thread / kWarpSize; ++warp) sum += part.warp_sums[warp];
  if (thread == kScanThreads - 1) {
    tile_sums[tile] = sum;
    store_release(states + tile, kTileSum);
    part.before = look_back(tile, states, tile_sums, sums_up_to);
    sums_up_to[tile] = part.before + sum;
    store_release(states + tile, kSumUpTo);
  }
  block_barrier();
  if (i < count) sums[i] = part.before + sum;
}

__global__ void MILLRACE_LAUNCH_BOUNDS(kScanThreads)
    prefix_sums(const unsigned* values, unsigned count, unsigned* sums, unsigned* states, unsigned* tile_sums,
                unsigned* sums_up_to) {
  scan_tile(block_index().x, values, count, sums, states, tile_sums, sums_up_to);
}

__global__ void MILLRACE_LAUNCH_BOUNDS(kScanThreads)
    prefix_sums_by_ticket(const unsigned* values, unsigned count, unsigned* sums, unsigned* states,
                          unsigned* tile_sums, unsigned* sums_up_to, unsigned* ticket) {
  auto& part = block_shared<ScanPart>();
  if (thread_index().x == 0) part.tile = atomic_add(ticket, 1);
  block_barrier();
  scan_tile(part.tile, values, count, sums, states, tile_sums, sums_up_to);
}

void sum_tiles_async(std::span<const float> values, std::span<float> sums, cudaStream_t stream) {
  launch<sum_tiles>({.grid = 1, .block = kBulkThreads + kWarpSize}, stream, values.data(),
                    static_cast<unsigned>(values.size() / kBulkThreads), sums.data());
}

void pass_token_async(unsigned rounds, std::span<unsigned> visits, cudaStream_t stream) {
  launch<pass_token>({.grid = kRingBlocks, .block = 1, .cluster = kRingBlocks}, stream, rounds,
                     visits.data());
}

void prefix_sums_async(std::span<const unsigned> values, std::span<unsigned> sums, std::span<unsigned> states,
                       std::span<unsigned> tile_sums, std::span<unsigned> sums_up_to, cudaStream_t stream) {
  launch<prefix_sums>({.grid = static_cast<unsigned>(states.size()), .block = kScanThreads}, stream,
                      values.data(), static_cast<unsigned>(values.size()), sums.data(), states.data(),
                      tile_sums.data(), sums_up_to.data());
}

void prefix_sums_by_ticket_async(std::span<const unsigned> values, std::span<unsigned> sums,
                                 std::span<unsigned> states, std::span<unsigned> tile_sums,
                                 std::span<unsigned> sums_up_to, std::span<unsigned> ticket,
                                 cudaStream_t stream) {
  launch<prefix_sums_by_ticket>({.grid = static_cast<unsigned>(states.size()), .block = kScanThreads}, stream,
                                values.data(), static_cast<unsigned>(values.size()), sums.data(),
                                states.data(), tile_sums.data(), sums_up_to.data(), ticket.data());
}

}  // namespace millrace::samples
