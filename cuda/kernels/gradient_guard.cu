// The guard is the or over all gradients g of  not (|g| <= L),  L the largest float whose square is finite:
// a NaN compares false, so it raises the guard as well.
//
// The step size, in double, with the β of its powers rounded to float32 first, as Keras has it:
//
//   α_t = α·sqrt(1 - β2ᵗ) / (1 - β1ᵗ)

#include <cmath>
#include <cstddef>

#include "cuda/device/atomic.h"
#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/device/quad.h"
#include "cuda/device/warp.h"
#include "cuda/kernels/flat_array.h"
#include "cuda/kernels/gradient_guard.h"

namespace millrace::cuda {

// The largest float below 2^64, whose square is beyond the floats.
constexpr float kLargestGradient = 0x1.fffffep63F;

__device__ bool must_not_enter(float gradient) {
  return !(gradient <= kLargestGradient && gradient >= -kLargestGradient);
}

__device__ bool must_not_enter(float4 g) {
  return must_not_enter(g.x) || must_not_enter(g.y) || must_not_enter(g.z) || must_not_enter(g.w);
}

// 1 − βᵗ
__device__ double bias_correction(double beta, std::uint64_t t) {
  return 1.0 - std::pow(static_cast<double>(static_cast<float>(beta)), static_cast<double>(t));
}

struct GuardArrays {
  const float* hidden;     // [4·hidden_quads]
  float* output;           // [4·output_quads]
  const float* parts;      // [part_count, 4·output_quads]
  const LossPart* losses;  // [part_count]
  std::size_t hidden_quads;
  std::uint32_t output_quads;
  std::uint32_t part_count;
};

// A thread looks at one quad: of the hidden layers' gradient, or, in the last blocks, of the output layer's,
// which it first adds up over the parts, in their order. A warp that found something raises the guard once.
// Bound by memory. Deterministic: fixed sums, and an or of bits has the same result in any order.
//
// traffic: 0 B/row, 0 FLOP/row, 4 B/parameter
__global__ void MILLRACE_LAUNCH_BOUNDS(kFlatThreads)
    guard_gradient(GuardArrays arrays, std::uint32_t hidden_blocks, AdamSettings settings, StepState* state) {
  const std::size_t i = flat_thread();
  bool found = false;
  if (block_index().x < hidden_blocks) {
    if (i < arrays.hidden_quads) found = must_not_enter(load_quad(arrays.hidden + 4 * i));
  } else {
    const std::size_t quad = i - std::size_t{hidden_blocks} * kFlatThreads;
    if (quad < arrays.output_quads) {
      float4 sum = {0.0F, 0.0F, 0.0F, 0.0F};
      for (std::uint32_t part = 0; part < arrays.part_count; ++part) {
        const float4 more = load_quad(arrays.parts + 4 * (std::size_t{part} * arrays.output_quads + quad));
        sum = {sum.x + more.x, sum.y + more.y, sum.z + more.z, sum.w + more.w};
      }
      store_quad(arrays.output + 4 * quad, sum);
      found = must_not_enter(sum);
    }
    if (block_index().x == hidden_blocks && thread_index().x < arrays.part_count) {
      const double loss = arrays.losses[thread_index().x].loss;
      found = !(loss - loss == 0.0) || found;
    }
    if (quad == 0) {
      const std::uint64_t t = state->step + 1;
      state->step_size = settings.learning_rate * std::sqrt(bias_correction(settings.beta2, t)) /
                         bias_correction(settings.beta1, t);
    }
  }
  if (warp_any(found) && lane_index() == 0) atomic_or(&state->guard, 1U);
}

void guard_gradient_async(const GuardedGradient& gradient, const AdamSettings& settings, StepState* state,
                          cudaStream_t stream) {
  static_assert(kMostLossParts <= kFlatThreads);
  const GuardArrays arrays = {.hidden = gradient.hidden.data(),
                              .output = gradient.output.data(),
                              .parts = gradient.parts.data(),
                              .losses = gradient.losses.data(),
                              .hidden_quads = gradient.hidden.size() / 4,
                              .output_quads = static_cast<std::uint32_t>(gradient.output.size() / 4),
                              .part_count = static_cast<std::uint32_t>(gradient.losses.size())};
  const unsigned hidden_blocks = flat_blocks(arrays.hidden_quads);
  launch<guard_gradient>({.grid = hidden_blocks + flat_blocks(arrays.output_quads), .block = kFlatThreads},
                         stream, arrays, hidden_blocks, settings, state);
}

}  // namespace millrace::cuda
