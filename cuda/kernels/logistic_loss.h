// The output layer, one unit wide: logit, binary cross-entropy, metrics and the gradient by the logit.
//
// How many rows count lies in device memory, so that a captured graph serves every batch of its capacity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>

namespace millrace::cuda {

// In device memory.
struct OutputLayer {
  const float* activation;  // [capacity, leading] row-major: what enters the layer
  const float* weights;     // [width]
  const float* bias;        // [1]
  std::uint32_t width;
  std::uint32_t leading;  // floats from row to row, at least `width`
};

// In device memory. Sums, so that batches add up; the host sets them back.
struct LossSums {
  double loss;            // nats
  std::uint64_t correct;  // (logit >= 0) == (label >= 0.5)
  std::uint64_t rows;
};

// Of one block of rows.
struct LossPart {
  double loss;
  std::uint64_t correct;
};

// How many LossParts a batch of `capacity` rows needs as scratch.
[[nodiscard]] std::size_t loss_parts(std::size_t capacity);

struct LossOutput {
  std::span<float> logits;  // [capacity]; from `count` on zero
  std::span<float>
      gradients;  // [capacity] of the mean loss over `count` rows, by the logit; from there on zero
  std::span<LossPart> parts;  // [loss_parts(capacity)]
};

// The first *count rows of `labels` [capacity].
void logistic_loss_async(const OutputLayer& layer, std::span<const float> labels, const std::uint32_t* count,
                         const LossOutput& output, cudaStream_t stream);

// Adds `parts`, of *count rows, to `sums`. With a guard (gradient_guard.h; null: without), a loss that is not
// finite raises it, and while it is raised nothing is added. So in training this comes after the gradient was
// guarded and before the update: the sums then hold the steps that are made, and no other.
void add_losses_async(std::span<const LossPart> parts, const std::uint32_t* count, LossSums* sums,
                      unsigned* guard, cudaStream_t stream);

}  // namespace millrace::cuda
