// Update number t of a parameter w with gradient g, first moment m and second moment v:
//
//   m += (g - m)·(1 - β1);  v += (g² - v)·(1 - β2);  w -= α_t·m / (sqrt(v) + ε)
//   α_t = α·sqrt(1 - β2ᵗ) / (1 - β1ᵗ)
//
// α_t in double, with the β of its powers rounded to float32 first, as Keras has it; all else in float32. The
// moments are fused multiply-adds by name, so that every compiler rounds alike; root and quotient round
// correctly. Denormal moments stay what they are: the device handles them at full speed.

#include <cmath>
#include <cstddef>

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/kernels/adam.h"
#include "cuda/kernels/flat_array.h"

namespace millrace::cuda {

// What the update takes from the settings.
struct AdamConstants {
  float one_minus_beta1;
  float one_minus_beta2;
  float epsilon;
};

// Each [4·quads + tail].
struct AdamPointers {
  float* parameters;
  float* first_moment;
  float* second_moment;
  const float* gradient;
};

// 1 − βᵗ
__device__ double bias_correction(double beta, std::uint64_t t) {
  return 1.0 - std::pow(static_cast<double>(static_cast<float>(beta)), static_cast<double>(t));
}

// One thread, a few words of memory; its launch is what it costs. Deterministic: nobody else writes.
__global__ void MILLRACE_LAUNCH_BOUNDS(1)
    advance_adam(AdamSettings settings, const unsigned* guard, AdamProgress* progress) {
  if (*guard != 0) {
    ++progress->skipped_steps;
    return;
  }
  const std::uint64_t t = progress->step + 1;
  progress->step = t;
  progress->step_size = settings.learning_rate * std::sqrt(bias_correction(settings.beta2, t)) /
                        bias_correction(settings.beta1, t);
}

__device__ void adam_element(const AdamConstants& c, float step_size, float gradient, float& parameter,
                             float& first, float& second) {
  first = fma(gradient - first, c.one_minus_beta1, first);
  second = fma(fma(gradient, gradient, -second), c.one_minus_beta2, second);
  parameter -= step_size * first / (sqrt(second) + c.epsilon);
}

// A thread updates one quad and one element of the tail. Traffic per parameter: 16 bytes read, 12 written,
// which is the bound: 28 bytes at the memory's speed, or the L2 cache's while the state fits in it.
// Deterministic: every element is one thread's.
__global__ void MILLRACE_LAUNCH_BOUNDS(kFlatThreads)
    adam(AdamConstants constants, AdamPointers arrays, FlatParts parts, const unsigned* guard,
         const AdamProgress* progress) {
  if (ldg(guard) != 0) return;
  const auto step_size = static_cast<float>(ldg(&progress->step_size));
  const std::size_t i = flat_thread();
  if (i < parts.quads) {
    const float4 g = ldg(reinterpret_cast<const float4*>(arrays.gradient) + i);
    float4 w = reinterpret_cast<const float4*>(arrays.parameters)[i];
    float4 m = reinterpret_cast<const float4*>(arrays.first_moment)[i];
    float4 v = reinterpret_cast<const float4*>(arrays.second_moment)[i];
    adam_element(constants, step_size, g.x, w.x, m.x, v.x);
    adam_element(constants, step_size, g.y, w.y, m.y, v.y);
    adam_element(constants, step_size, g.z, w.z, m.z, v.z);
    adam_element(constants, step_size, g.w, w.w, m.w, v.w);
    reinterpret_cast<float4*>(arrays.parameters)[i] = w;
    reinterpret_cast<float4*>(arrays.first_moment)[i] = m;
    reinterpret_cast<float4*>(arrays.second_moment)[i] = v;
  }
  if (i < parts.tail) {
    const std::size_t element = 4 * parts.quads + i;
    adam_element(constants, step_size, ldg(arrays.gradient + element), arrays.parameters[element],
                 arrays.first_moment[element], arrays.second_moment[element]);
  }
}

void advance_adam_async(const AdamSettings& settings, const unsigned* guard, AdamProgress* progress,
                        cudaStream_t stream) {
  launch<advance_adam>({.grid = 1, .block = 1}, stream, settings, guard, progress);
}

void adam_async(const AdamSettings& settings, const AdamArrays& arrays, const unsigned* guard,
                const AdamProgress* progress, cudaStream_t stream) {
  if (arrays.parameters.empty()) return;
  const AdamConstants constants = {static_cast<float>(1.0 - settings.beta1),
                                   static_cast<float>(1.0 - settings.beta2),
                                   static_cast<float>(settings.epsilon)};
  const AdamPointers pointers = {arrays.parameters.data(), arrays.first_moment.data(),
                                 arrays.second_moment.data(), arrays.gradient.data()};
  const FlatParts parts = flat_parts(arrays.parameters.size(), {pointers.parameters, pointers.first_moment,
                                                                pointers.second_moment, pointers.gradient});
  launch<adam>(flat_shape(parts), stream, constants, pointers, parts, guard, progress);
}

}  // namespace millrace::cuda
