// The output layer, one unit wide: logit, binary cross-entropy, metrics, and in training every gradient that
// comes of them.
//
// T is float or Bfloat16: what the network's activations and the operands of its products are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>

#include "cuda/kernels/step_state.h"

namespace millrace::cuda {

// Of one block of rows.
struct LossPart {
  double loss;
  std::uint64_t correct;
};

// At most this many blocks share a batch, so that one block can add up what they found.
inline constexpr std::uint32_t kMostLossParts = 256;

// How many blocks a batch of `capacity` rows is split into: as many LossParts and gradient parts it needs.
[[nodiscard]] std::uint32_t loss_parts(std::uint32_t capacity);

// What enters the layer, and its parameters. In device memory, rows aligned to four elements.
template <class T>
struct OutputLayer {
  const T* activation;  // [capacity, columns] row-major; zero beyond the layer's width
  const T* weights;     // [columns] likewise
  const T* bias;        // [1]
  const float* labels;  // [capacity]
  std::uint32_t capacity;
  std::uint32_t columns;
};

// Where the gradients of the mean loss over the batch's rows go.
template <class T>
struct OutputGradients {
  T* activation_gradient;  // [capacity, columns] through the ReLU that made the activation; zero from `count`
                           // on. Null: nobody is below.
  float* parts;            // [loss_parts(capacity), columns + 4]: by block, of weights and then of the bias
};

// Training: gradients, and the batch's losses by block ([loss_parts(capacity)]).
template <class T>
void train_output_async(const OutputLayer<T>& layer, const OutputGradients<T>& gradients, LossPart* losses,
                        const StepState* state, cudaStream_t stream);

// Scoring: logits and labels of the batch's rows go to the window's scores.
template <class T>
void score_output_async(const OutputLayer<T>& layer, LossPart* losses, const StepState* state,
                        cudaStream_t stream);

// Adds the batch's losses ([loss_parts(capacity)]) to the window's scoring sums and goes on to the next
// batch.
void add_scores_async(std::span<const LossPart> losses, StepState* state, cudaStream_t stream);

}  // namespace millrace::cuda
