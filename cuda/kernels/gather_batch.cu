// input[i][f] = (x - shift[f])·factor[f],  x = values[row][f], or substitute[f] where that is NaN
// row         = row_index[order[next + i]],  i < count = min(capacity, rows - next)
//
// In double until the end, as the CPU engine: raw features may be far larger than their spread.

#include <cstddef>

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/device/quad.h"
#include "cuda/kernels/gather_batch.h"

namespace millrace::cuda {

// Eight warps of independent reads hide each other's latency.
constexpr unsigned kGatherThreads = 256;

__device__ float scaled(const DeviceWindow& window, const DeviceScaling& scaling, std::size_t row,
                        std::uint32_t feature) {
  if (feature >= window.features) return 0.0F;
  const float x = ldg(window.values + row * window.features + feature);
  const double value = x == x ? static_cast<double>(x) : ldg(scaling.substitute + feature);
  return static_cast<float>((value - ldg(scaling.shift + feature)) * ldg(scaling.factor + feature));
}

// A thread writes one quad of one row, row after row; the first of a row its label too. The first thread of
// all notes which rows the batch has. Scattered rows, each in one piece; the three vectors of the scaling
// stay in the cache. Bound by memory. Deterministic: every element is one thread's.
//
// traffic: 4·features + 16 + element·inputs B/row, 2·features FLOP/row
template <class T>
__global__ void MILLRACE_LAUNCH_BOUNDS(kGatherThreads)
    gather_batch(DeviceScaling scaling, BatchRows<T> batch, StepState* state) {
  const DeviceWindow window = state->window;
  const std::uint64_t* order = state->order;
  const std::uint32_t begin = state->next;
  const std::uint32_t left = window.rows - begin;
  const std::uint32_t count = left < batch.capacity ? left : batch.capacity;
  const std::size_t quad = std::size_t{block_index().x} * kGatherThreads + thread_index().x;
  if (quad == 0) {
    state->begin = begin;
    state->count = count;
    state->guard = 0;
  }
  const std::uint32_t row_quads = batch.columns / 4;
  const std::size_t i = quad / row_quads;
  if (i >= batch.capacity) return;
  const auto column = static_cast<std::uint32_t>(quad % row_quads) * 4;
  float4 values = {0.0F, 0.0F, 0.0F, 0.0F};
  float label = 0.0F;
  if (i < count) {
    const std::size_t place =
        order != nullptr ? static_cast<std::uint32_t>(ldg(order + begin + i)) : begin + i;
    const std::size_t row = ldg(window.row_index + place);
    values = {scaled(window, scaling, row, column), scaled(window, scaling, row, column + 1),
              scaled(window, scaling, row, column + 2), scaled(window, scaling, row, column + 3)};
    if (column == 0) label = ldg(window.labels + row);
  }
  store_quad(batch.input + quad * 4, values);
  if (column == 0) batch.labels[i] = label;
}

template <class T>
void gather_batch_async(const DeviceScaling& scaling, const BatchRows<T>& batch, StepState* state,
                        cudaStream_t stream) {
  const std::size_t quads = std::size_t{batch.capacity} * (batch.columns / 4);
  const auto blocks = static_cast<unsigned>((quads + kGatherThreads - 1) / kGatherThreads);
  launch<gather_batch<T>>({.grid = blocks, .block = kGatherThreads}, stream, scaling, batch, state);
}

template void gather_batch_async(const DeviceScaling&, const BatchRows<float>&, StepState*, cudaStream_t);
template void gather_batch_async(const DeviceScaling&, const BatchRows<Bfloat16>&, StepState*, cudaStream_t);

}  // namespace millrace::cuda
