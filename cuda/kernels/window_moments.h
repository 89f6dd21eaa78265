// The standardizer on the device: takes a window in and renews how features enter the network. The formulas
// are those of StandardizerState (millrace/model.h); the CPU's own is host/engine/standardizer.cc.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>

#include "cuda/kernels/gather_batch.h"
#include "cuda/kernels/step_state.h"

namespace millrace::cuda {

struct DeviceMoments {
  double* count;  // [features]
  double* mean;   // [features]
  double* m2;     // [features]
};

// Takes in the rows of the state's window. With `scales` false features pass as they are, and only the
// substitute of missing values follows the mean.
void take_in_window_async(std::uint32_t features, bool scales, const StepState* state,
                          const DeviceMoments& moments, const DeviceScaling& scaling, cudaStream_t stream);

// The scaling of moments that the host has set.
void renew_scaling_async(std::uint32_t features, bool scales, const DeviceMoments& moments,
                         const DeviceScaling& scaling, cudaStream_t stream);

}  // namespace millrace::cuda
