// The network on oneDNN: batches go forward to logits and back to gradients.
//
// For each batch size that may come there is a plan: oneDNN's primitives for it, bound to memory once. A
// batch runs on the smallest plan that holds it; the rows that are missing are zero and add nothing. Owned by
// an engine. One thread at a time, which leads OpenMP's others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "millrace/model.h"

#include "engine/float_buffer.h"
#include "engine/onednn.h"
#include "engine/parameter_arrays.h"
#include "engine/vector_kernels.h"

namespace millrace {

class Network {
 public:
  // For training on batches of up to `batch` rows, and going forward with up to forward_rows(). The arrays
  // must outlive the network.
  Network(const OneDnn& onednn, const NetworkShape& shape, const ParameterArrays& arrays,
          std::uint32_t batch);

  // The batch sizes that have plans to train: the powers of two below `batch`, and `batch`.
  [[nodiscard]] static std::vector<dnnl::memory::dim> training_capacities(std::uint32_t batch);

  // How many of `rows` rows the next forward pass should take.
  [[nodiscard]] std::uint32_t forward_rows(std::uint32_t rows) const;

  // Where the rows of a batch go before `forward`: [forward_rows, features] row-major.
  [[nodiscard]] float* input() const { return input_.data(); }

  // logits[i] of input row i, for as many rows as there are logits.
  void forward(std::span<float> logits);

  // After `forward` of the same rows: from the loss's gradient by each logit to its gradient by each
  // parameter.
  void backward(std::span<const float> logit_gradients);

 private:
  struct Plan {
    std::uint32_t capacity;
    std::vector<BoundPrimitive> forward;           // by hidden layer
    std::vector<BoundPrimitive> backward_data;     // by hidden layer from the second on; empty: forward only
    std::vector<BoundPrimitive> backward_weights;  // by hidden layer; empty: forward only
  };

  [[nodiscard]] Plan make_plan(std::uint32_t capacity, bool trains) const;
  [[nodiscard]] const Plan& plan_for(std::size_t rows) const;
  [[nodiscard]] const FloatBuffer& last_activation() const {
    return hidden_.empty() ? input_ : hidden_.back().activation;
  }

  // What a hidden layer made of the batch, and the loss's gradient by that.
  struct Hidden {
    std::size_t width;
    FloatBuffer activation;  // [capacity, width]
    FloatBuffer gradient;    // [capacity, width]
  };

  const OneDnn& onednn_;
  const ParameterArrays& arrays_;
  const VectorKernels& kernels_;
  std::size_t features_;
  FloatBuffer input_;  // [capacity, features]
  std::vector<Hidden> hidden_;
  std::vector<Plan> plans_;  // by capacity, ascending
};

}  // namespace millrace
