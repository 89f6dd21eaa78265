// The window's own count, mean and sum of squared distances in two passes, in double; then the formula of
// Chan, Golub and LeVeque (1979) joins them with those so far:
//
//   mean += (mean_w - mean)·n_w/(n + n_w);  m2 += m2_w + (mean_w - mean)²·n·n_w/(n + n_w);  n += n_w

#include <cmath>
#include <cstddef>

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/device/warp.h"
#include "cuda/kernels/loss_parts.h"
#include "cuda/kernels/window_moments.h"

namespace millrace::cuda {

constexpr unsigned kMomentThreads = 256;
constexpr unsigned kMomentWarps = kMomentThreads / kWarpSize;

// Keeps the factor of a feature that hardly varies finite.
constexpr double kTinyVariance = 1e-30;

struct WarpSums {
  double of[kMomentWarps];
};

// The same in every thread: warps add up by shuffles, and their sums in order.
__device__ double block_sum(double mine) {
  auto& warps = block_shared<WarpSums>();
  mine = warp_sum(mine);
  if (lane_index() == 0) warps.of[thread_index().x / kWarpSize] = mine;
  block_barrier();
  double sum = 0;
  for (unsigned w = 0; w < kMomentWarps; ++w) sum += warps.of[w];
  block_barrier();  // before the next sum takes its place
  return sum;
}

__device__ void write_scaling(std::uint32_t f, bool scales, const DeviceMoments& moments,
                              const DeviceScaling& scaling) {
  const double mean = moments.mean[f];
  const double m2 = moments.m2[f];
  scaling.substitute[f] = mean;
  scaling.shift[f] = scales ? mean : 0.0;
  scaling.factor[f] = scales && m2 > 0.0 ? 1.0 / std::sqrt(m2 / moments.count[f] + kTinyVariance) : 1.0;
}

// A block per feature; its threads stride over the rows, twice. Every row is read in pieces of four bytes, by
// one block per feature: the cache holds it for all of them. Bound by latency; once per window.
// Deterministic: fixed trees.
//
// traffic: 8·features + 8 B/row, 5·features FLOP/row
__global__ void MILLRACE_LAUNCH_BOUNDS(kMomentThreads)
    take_in_window(bool scales, const StepState* state, DeviceMoments moments, DeviceScaling scaling) {
  const DeviceWindow window = state->window;
  const std::uint32_t f = block_index().x;
  const auto value = [&](std::uint32_t i) {
    return ldg(window.values + std::size_t{ldg(window.row_index + i)} * window.features + f);
  };
  double count = 0;
  double sum = 0;
  for (std::uint32_t i = thread_index().x; i < window.rows; i += kMomentThreads) {
    const float x = value(i);
    if (!is_finite(x)) continue;
    count += 1.0;
    sum += static_cast<double>(x);
  }
  count = block_sum(count);
  const double mean = block_sum(sum) / (count > 1.0 ? count : 1.0);
  double m2 = 0;
  for (std::uint32_t i = thread_index().x; i < window.rows; i += kMomentThreads) {
    const float x = value(i);
    const double distance = is_finite(x) ? static_cast<double>(x) - mean : 0.0;
    m2 += distance * distance;
  }
  m2 = block_sum(m2);
  if (thread_index().x != 0) return;
  if (count > 0.0) {
    const double before = moments.count[f];
    const double share = count / (before + count);
    const double apart = mean - moments.mean[f];
    moments.mean[f] += apart * share;
    moments.m2[f] += m2 + apart * apart * before * share;
    moments.count[f] = before + count;
  }
  write_scaling(f, scales, moments, scaling);
}

// A thread per feature; when a state is restored.
//
// traffic: 0 B/row, 0 FLOP/row
__global__ void MILLRACE_LAUNCH_BOUNDS(kMomentThreads)
    renew_scaling(std::uint32_t features, bool scales, DeviceMoments moments, DeviceScaling scaling) {
  const std::uint32_t f = block_index().x * kMomentThreads + thread_index().x;
  if (f < features) write_scaling(f, scales, moments, scaling);
}

void take_in_window_async(std::uint32_t features, bool scales, const StepState* state,
                          const DeviceMoments& moments, const DeviceScaling& scaling, cudaStream_t stream) {
  launch<take_in_window>({.grid = features, .block = kMomentThreads}, stream, scales, state, moments,
                         scaling);
}

void renew_scaling_async(std::uint32_t features, bool scales, const DeviceMoments& moments,
                         const DeviceScaling& scaling, cudaStream_t stream) {
  launch<renew_scaling>({.grid = (features + kMomentThreads - 1) / kMomentThreads, .block = kMomentThreads},
                        stream, features, scales, moments, scaling);
}

}  // namespace millrace::cuda
