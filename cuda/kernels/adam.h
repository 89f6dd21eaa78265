// The optimizer on the device: Adam as Keras 3 computes it (millrace/engine.h), for all parameters at once as
// one flat array.
//
// What changes from step to step lies in device memory, so that a captured graph serves every step: an update
// is advance_adam_async, then adam_async, on one stream. Both obey the guard (gradient_guard.h): while it is
// raised, no parameter and no moment changes and no update is counted.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>

namespace millrace::cuda {

struct AdamSettings {
  double learning_rate;
  double beta1;
  double beta2;
  double epsilon;
};

// In device memory.
struct AdamProgress {
  std::uint64_t step;           // t: updates made since the state began
  std::uint64_t skipped_steps;  // updates that the guard forbade; the host sets it back
  double step_size;             // α_t of update number `step`
};

// In device memory, all of one length.
struct AdamArrays {
  std::span<float> parameters;
  std::span<float> first_moment;
  std::span<float> second_moment;
  std::span<const float> gradient;
};

// Counts the update that follows and computes its step size; or counts it as skipped.
void advance_adam_async(const AdamSettings& settings, const unsigned* guard, AdamProgress* progress,
                        cudaStream_t stream);

// Makes the update that was counted last.
void adam_async(const AdamSettings& settings, const AdamArrays& arrays, const unsigned* guard,
                const AdamProgress* progress, cudaStream_t stream);

}  // namespace millrace::cuda
