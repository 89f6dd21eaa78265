// From a window's slot to the network's input: the rows of the next batch, in the pass's order, scaled.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>

#include "cuda/kernels/step_state.h"

namespace millrace::cuda {

// How a feature enters the network: (x - shift)·factor, where a missing x counts as `substitute`.
struct DeviceScaling {
  double* substitute;  // [features]
  double* shift;       // [features]
  double* factor;      // [features]
};

// The network's input: rows of `columns` elements, a multiple of four; what is beyond the features is zero.
template <class T>
struct BatchRows {
  T* input;       // [capacity, columns] row-major, aligned to four elements
  float* labels;  // [capacity]
  std::uint32_t capacity;
  std::uint32_t columns;
};

// Takes the next rows of the pass, at most `capacity`, and notes in the state which they are; the guard goes
// down. Writes all of `batch`; rows beyond those taken are zero. T is float or Bfloat16.
template <class T>
void gather_batch_async(const DeviceScaling& scaling, const BatchRows<T>& batch, StepState* state,
                        cudaStream_t stream);

}  // namespace millrace::cuda
