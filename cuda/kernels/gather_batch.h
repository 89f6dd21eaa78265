// From a window's slot to the network's input: the rows of one batch, in the shuffle's order, scaled.
//
// Which rows lies in device memory, so that a captured graph serves every batch of its capacity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>

namespace millrace::cuda {

// A window in device memory, laid out as a WindowView (millrace/window.h).
struct DeviceWindow {
  const float* values;             // [slot_rows, features] row-major; a missing value is NaN
  const float* labels;             // [slot_rows]
  const std::uint32_t* row_index;  // [rows] rows of the slot, in the window's order
  std::uint32_t features;
};

// How a feature enters the network: (x - shift)·factor, where a missing x counts as `substitute`.
struct DeviceScaling {
  const double* substitute;  // [features]
  const double* shift;       // [features]
  const double* factor;      // [features]
};

// In device memory: places begin … begin + count of the permutation.
struct BatchRange {
  std::uint32_t begin;
  std::uint32_t count;  // at most the batch's capacity
};

// Rows of floats stand 16 bytes apart or a multiple of it; what is beyond the features is zero.
[[nodiscard]] constexpr std::uint32_t padded_columns(std::uint32_t features) {
  return (features + 3) / 4 * 4;
}

struct DeviceBatch {
  std::span<float> input;   // [capacity, padded_columns(features)] row-major, aligned to 16 bytes
  std::span<float> labels;  // [capacity]
};

// Writes all of `batch`; rows from `count` on are zero. `permutation` [rows] is the order within the window;
// null is the window's own.
void gather_batch_async(const DeviceWindow& window, const DeviceScaling& scaling,
                        const std::uint32_t* permutation, const BatchRange* range, const DeviceBatch& batch,
                        cudaStream_t stream);

}  // namespace millrace::cuda
