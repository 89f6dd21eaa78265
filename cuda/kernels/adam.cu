// Update number t of a parameter w with gradient g, first moment m and second moment v:
//
//   m += (g - m)·(1 - β1);  v += (g² - v)·(1 - β2);  w -= α_t·m / (sqrt(v) + ε)
//
// in float32, with α_t from the guard's kernel. The moments are fused multiply-adds by name, so that every
// compiler rounds alike; root and quotient round correctly. Denormal moments stay what they are: the device
// handles them at full speed.

#include <cstddef>

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/device/quad.h"
#include "cuda/kernels/adam.h"
#include "cuda/kernels/flat_array.h"
#include "cuda/kernels/loss_parts.h"

namespace millrace::cuda {

// What the update takes from the settings.
struct AdamConstants {
  float one_minus_beta1;
  float one_minus_beta2;
  float epsilon;
};

// Each [4·quads].
struct AdamPointers {
  float* parameters;
  float* first_moment;
  float* second_moment;
  const float* gradient;
  Bfloat16* narrow;  // or null
  std::size_t quads;
};

__device__ void adam_element(const AdamConstants& c, float step_size, float gradient, float& parameter,
                             float& first, float& second) {
  first = fma(gradient - first, c.one_minus_beta1, first);
  second = fma(fma(gradient, gradient, -second), c.one_minus_beta2, second);
  parameter -= step_size * first / (sqrt(second) + c.epsilon);
}

// A thread updates one quad. The first block also adds up the losses, and its first thread closes the books
// of the step: what it writes no other thread of the launch reads. 16 bytes read per parameter, 12 or 14
// written, which is the bound: the memory's speed, or the L2 cache's while the state fits in it.
// Deterministic: every element is one thread's, and the sum has a fixed order.
//
// traffic: 0 B/row, 0 FLOP/row, 28 B/parameter
__global__ void MILLRACE_LAUNCH_BOUNDS(kFlatThreads)
    adam(AdamConstants constants, AdamPointers arrays, const LossPart* losses, std::uint32_t parts,
         StepState* state) {
  const bool allowed = state->guard == 0;
  const auto step_size = static_cast<float>(state->step_size);
  const std::size_t i = flat_thread();
  if (allowed && i < arrays.quads) {
    const float4 g = load_quad(arrays.gradient + 4 * i);
    float4 w = read_quad(arrays.parameters + 4 * i);
    float4 m = read_quad(arrays.first_moment + 4 * i);
    float4 v = read_quad(arrays.second_moment + 4 * i);
    adam_element(constants, step_size, g.x, w.x, m.x, v.x);
    adam_element(constants, step_size, g.y, w.y, m.y, v.y);
    adam_element(constants, step_size, g.z, w.z, m.z, v.z);
    adam_element(constants, step_size, g.w, w.w, m.w, v.w);
    store_quad(arrays.parameters + 4 * i, w);
    store_quad(arrays.first_moment + 4 * i, m);
    store_quad(arrays.second_moment + 4 * i, v);
    if (arrays.narrow != nullptr) store_quad(arrays.narrow + 4 * i, w);
  }
  if (block_index().x != 0) return;
  const LossPart whole = sum_of_parts(losses, parts);
  if (thread_index().x != 0) return;
  state->next += state->count;
  if (!allowed) {
    ++state->sums.skipped_steps;
    const std::uint64_t in_a_row = ++state->skipped_in_a_row;
    if (in_a_row > state->sums.most_skipped_in_a_row) state->sums.most_skipped_in_a_row = in_a_row;
    return;
  }
  state->skipped_in_a_row = 0;
  ++state->step;
  ++state->sums.steps;
  LossSums& sums = state->sums.training;
  sums.loss += whole.loss;
  sums.correct += whole.correct;
  sums.rows += state->count;
}

// A thread rounds one quad. Bound by memory; when a state is restored, never in a step.
//
// traffic: 0 B/row, 0 FLOP/row, 6 B/parameter
__global__ void MILLRACE_LAUNCH_BOUNDS(kFlatThreads)
    narrow(const float* parameters, Bfloat16* narrow, std::size_t quads) {
  const std::size_t i = flat_thread();
  if (i < quads) store_quad(narrow + 4 * i, load_quad(parameters + 4 * i));
}

void adam_async(const AdamSettings& settings, const AdamArrays& arrays, std::span<const LossPart> losses,
                StepState* state, cudaStream_t stream) {
  static_assert(kFlatThreads == kMostLossParts);
  const AdamConstants constants = {static_cast<float>(1.0 - settings.beta1),
                                   static_cast<float>(1.0 - settings.beta2),
                                   static_cast<float>(settings.epsilon)};
  const AdamPointers pointers = {.parameters = arrays.parameters.data(),
                                 .first_moment = arrays.first_moment.data(),
                                 .second_moment = arrays.second_moment.data(),
                                 .gradient = arrays.gradient.data(),
                                 .narrow = arrays.narrow.data(),
                                 .quads = arrays.parameters.size() / 4};
  launch<adam>({.grid = flat_blocks(pointers.quads), .block = kFlatThreads}, stream, constants, pointers,
               losses.data(), static_cast<std::uint32_t>(losses.size()), state);
}

void narrow_async(std::span<const float> parameters, std::span<__nv_bfloat16> narrowed, cudaStream_t stream) {
  const std::size_t quads = parameters.size() / 4;
  launch<narrow>({.grid = flat_blocks(quads), .block = kFlatThreads}, stream, parameters.data(),
                 narrowed.data(), quads);
}

}  // namespace millrace::cuda
