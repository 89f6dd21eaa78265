// The optimizer on the device: Adam as Keras 3 computes it (millrace/engine.h), for all parameters at once as
// one flat array.
#pragma once

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_runtime_api.h>
#include <span>

#include "cuda/kernels/output_layer.h"
#include "cuda/kernels/step_state.h"

namespace millrace::cuda {

struct AdamSettings {
  double learning_rate;
  double beta1;
  double beta2;
  double epsilon;
};

// In device memory, all of one length, whole quads.
struct AdamArrays {
  std::span<float> parameters;
  std::span<float> first_moment;
  std::span<float> second_moment;
  std::span<const float> gradient;
  std::span<__nv_bfloat16> narrow;  // the parameters rounded to bfloat16; empty: nobody wants them
};

// Makes the update that the guard allows (gradient_guard.h), adds `losses` to the window's training sums and
// counts the step; or counts it as skipped and touches nothing else. Either way the batch is done: the next
// one follows it.
void adam_async(const AdamSettings& settings, const AdamArrays& arrays, std::span<const LossPart> losses,
                StepState* state, cudaStream_t stream);

// Rounds parameters to bfloat16.
void narrow_async(std::span<const float> parameters, std::span<__nv_bfloat16> narrow, cudaStream_t stream);

}  // namespace millrace::cuda
