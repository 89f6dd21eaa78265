// input[i][f] = (x - shift[f])·factor[f],  x = values[row][f], or substitute[f] where that is NaN
// row         = row_index[permutation[begin + i]],  i < count
//
// In double until the end, as the CPU engine: raw features may be far larger than their spread.

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/kernels/gather_batch.h"

namespace millrace::cuda {

// Eight warps of independent reads hide each other's latency.
constexpr unsigned kGatherThreads = 256;

struct GatherTarget {
  float* input;   // [capacity, 4·row_quads]
  float* labels;  // [capacity]
  std::uint32_t capacity;
  std::uint32_t row_quads;
};

__device__ float scaled(const DeviceWindow& window, const DeviceScaling& scaling, std::size_t row,
                        std::uint32_t feature) {
  if (feature >= window.features) return 0.0F;
  const float x = ldg(window.values + row * window.features + feature);
  const double value = x == x ? static_cast<double>(x) : ldg(scaling.substitute + feature);
  return static_cast<float>((value - ldg(scaling.shift + feature)) * ldg(scaling.factor + feature));
}

// A thread writes one quad of one row, row after row; the first of a row its label too. Traffic per row:
// 4·features + 12 bytes read (scattered rows, each in one piece), 16·row_quads + 4 written; the three vectors
// of the scaling stay in the cache. Bound by memory. Deterministic: every element is one thread's.
__global__ void MILLRACE_LAUNCH_BOUNDS(kGatherThreads)
    gather_batch(DeviceWindow window, DeviceScaling scaling, const std::uint32_t* permutation,
                 const BatchRange* range, GatherTarget target) {
  const std::size_t quad = std::size_t{block_index().x} * kGatherThreads + thread_index().x;
  const std::size_t i = quad / target.row_quads;
  if (i >= target.capacity) return;
  const auto column = static_cast<std::uint32_t>(quad % target.row_quads) * 4;
  float4 values = {0.0F, 0.0F, 0.0F, 0.0F};
  float label = 0.0F;
  if (i < ldg(&range->count)) {
    const std::size_t place = ldg(&range->begin) + i;
    const std::size_t row =
        ldg(window.row_index + (permutation != nullptr ? ldg(permutation + place) : place));
    values = {scaled(window, scaling, row, column), scaled(window, scaling, row, column + 1),
              scaled(window, scaling, row, column + 2), scaled(window, scaling, row, column + 3)};
    if (column == 0) label = ldg(window.labels + row);
  }
  reinterpret_cast<float4*>(target.input)[quad] = values;
  if (column == 0) target.labels[i] = label;
}

void gather_batch_async(const DeviceWindow& window, const DeviceScaling& scaling,
                        const std::uint32_t* permutation, const BatchRange* range, const DeviceBatch& batch,
                        cudaStream_t stream) {
  const GatherTarget target = {batch.input.data(), batch.labels.data(),
                               static_cast<std::uint32_t>(batch.labels.size()),
                               padded_columns(window.features) / 4};
  const std::size_t quads = std::size_t{target.capacity} * target.row_quads;
  launch<gather_batch>(
      {.grid = static_cast<unsigned>((quads + kGatherThreads - 1) / kGatherThreads), .block = kGatherThreads},
      stream, window, scaling, permutation, range, target);
}

}  // namespace millrace::cuda
