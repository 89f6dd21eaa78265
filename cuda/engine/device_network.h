// The network on the device: parameters, moments, activations and gradients, and what one batch does to them.
//
// A batch takes its rows from the window that the StepState names (kernels/step_state.h); a captured call
// serves every batch of its capacity. Owned by an engine; one thread at a time; everything is allocated and
// planned in the constructor. Errors: DeviceError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_runtime_api.h>
#include <memory>
#include <span>
#include <vector>

#include "millrace/engine.h"
#include "millrace/model.h"

#include "cuda/buffer.h"
#include "cuda/engine/padded_network.h"
#include "cuda/gemm/layer_planner.h"
#include "cuda/kernels/gather_batch.h"
#include "cuda/kernels/output_layer.h"
#include "cuda/kernels/step_state.h"
#include "cuda/kernels/window_moments.h"

namespace millrace::cuda {

class DeviceNetwork {
 public:
  // Memory is of `stream`; `planner` outlives the network. Everything is zero, with features passing as they
  // are.
  DeviceNetwork(const NetworkShape& shape, const TrainingSettings& settings, std::uint32_t max_window_rows,
                LayerPlanner& planner, cudaStream_t stream);

  // Ascending: the powers of two below the batch, and the batch; for scoring, powers of two.
  [[nodiscard]] std::span<const std::uint32_t> training_capacities() const { return training_capacities_; }
  [[nodiscard]] std::span<const std::uint32_t> scoring_capacities() const { return scoring_capacities_; }

  // Enqueue what becomes of the window's next rows, at most `capacity`, which is one of the above.
  void train_batch_async(std::uint32_t capacity, cudaStream_t stream) const;
  void score_batch_async(std::uint32_t capacity, cudaStream_t stream) const;

  // The standardizer takes the window in.
  void take_in_window_async(cudaStream_t stream) const;

  // After the host wrote parameters or moments: renews what derives from them.
  void renew_derived_async(cudaStream_t stream) const;

  [[nodiscard]] const PaddedNetwork& layout() const { return layout_; }
  [[nodiscard]] StepState* state() const { return state_.data(); }
  [[nodiscard]] std::span<StepState> state_view() const { return state_.view(); }
  // [layout().size()] each.
  [[nodiscard]] std::span<float> parameters() const { return parameters_.view(); }
  [[nodiscard]] std::span<float> first_moment() const { return first_moment_.view(); }
  [[nodiscard]] std::span<float> second_moment() const { return second_moment_.view(); }
  // [3, features]: count, mean, m2.
  [[nodiscard]] std::span<double> moments() const { return moments_.view(); }

 private:
  // By capacity: the products of the hidden layers, from the input on.
  struct Plan {
    std::uint32_t capacity;
    std::vector<LayerProducts> layers;
  };

  // What a hidden layer made of the batch, and the loss's gradient by that. In the elements of the math mode.
  struct Activations {
    DeviceBuffer<std::byte> values;         // [capacity, columns]
    DeviceBuffer<std::byte> gradient;       // [capacity of training, columns]
    DeviceBuffer<std::uint32_t> relu_mask;  // [capacity of training, mask_bits(columns) / 32]
  };

  [[nodiscard]] Plan make_plan(std::uint32_t capacity, bool trains, LayerPlanner& planner) const;
  template <class T>
  void train_batch(const Plan& plan, cudaStream_t stream) const;
  template <class T>
  void score_batch(const Plan& plan, cudaStream_t stream) const;
  template <class T>
  [[nodiscard]] OutputLayer<T> output_layer(std::uint32_t capacity) const;
  template <class T>
  [[nodiscard]] T* operand(std::size_t at) const;  // parameters as products read them
  [[nodiscard]] DeviceScaling scaling() const;
  [[nodiscard]] DeviceMoments device_moments() const;

  // Constant after construction.
  const TrainingSettings settings_;
  const std::uint32_t features_;
  const PaddedNetwork layout_;
  std::vector<std::uint32_t> training_capacities_;
  std::vector<std::uint32_t> scoring_capacities_;

  // The state.
  DeviceBuffer<float> parameters_;
  DeviceBuffer<float> first_moment_;
  DeviceBuffer<float> second_moment_;
  DeviceBuffer<double> moments_;
  DeviceBuffer<StepState> state_;

  // What derives from it.
  DeviceBuffer<__nv_bfloat16> narrow_;  // the parameters, with MathMode::bf16
  DeviceBuffer<double> scaling_;        // [3, features]: substitute, shift, factor

  // Of the batch.
  DeviceBuffer<std::byte> input_;  // [capacity, input_columns]
  DeviceBuffer<float> labels_;     // [capacity]
  std::vector<Activations> hidden_;
  DeviceBuffer<LossPart> losses_;
  DeviceBuffer<float> output_parts_;  // [loss parts, last_columns + 4]
  DeviceBuffer<float> gradient_;      // [layout().size()]

  std::vector<Plan> training_plans_;  // by training_capacities_
  std::vector<Plan> scoring_plans_;   // by scoring_capacities_
};

}  // namespace millrace::cuda
