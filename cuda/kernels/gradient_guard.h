// Keeps what is not finite away from the weights, and finishes the gradient on its way past.
//
// The guard is a word of the StepState: 0, or raised. It is lowered when a step begins (gather_batch.h) and
// obeyed by its update (adam.h), so a bad batch costs its own step and no other.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>

#include "cuda/kernels/adam.h"
#include "cuda/kernels/output_layer.h"
#include "cuda/kernels/step_state.h"

namespace millrace::cuda {

struct GuardedGradient {
  std::span<float> hidden;       // of all hidden layers: whole quads
  std::span<float> output;       // [columns + 4] of the output layer, as one of its parts
  std::span<const float> parts;  // [losses.size(), columns + 4] what its blocks left (output_layer.h)
  std::span<const LossPart> losses;
};

// Adds up the output layer's parts; raises the guard if any gradient is NaN, infinite, or so large that its
// square is (the square enters Adam's second moment), or if a loss is not finite; computes the step size of
// the update that may follow.
void guard_gradient_async(const GuardedGradient& gradient, const AdamSettings& settings, StepState* state,
                          cudaStream_t stream);

}  // namespace millrace::cuda
