#include "cuda/engine/device_network.h"

#include <algorithm>
#include <bit>

#include "cuda/kernels/adam.h"
#include "cuda/kernels/gradient_guard.h"

namespace millrace::cuda {
namespace {

// Scoring goes in large batches: weights are read once for more rows.
constexpr std::uint32_t kLeastScoreRows = 32;
constexpr std::uint32_t kMostScoreRows = 8192;

std::vector<std::uint32_t> training_capacities_of(std::uint32_t batch) {
  std::vector<std::uint32_t> capacities;
  for (std::uint32_t power = 1; power < batch; power *= 2) capacities.push_back(power);
  capacities.push_back(batch);
  return capacities;
}

std::vector<std::uint32_t> scoring_capacities_of(std::uint32_t max_window_rows) {
  const std::uint32_t most = std::clamp(std::bit_ceil(max_window_rows), kLeastScoreRows, kMostScoreRows);
  std::vector<std::uint32_t> capacities;
  for (std::uint32_t power = kLeastScoreRows; power <= most; power *= 2) capacities.push_back(power);
  return capacities;
}

std::size_t element_bytes(MathMode math) { return math == MathMode::bf16 ? 2 : 4; }

template <class Plans>
const auto& plan_of(const Plans& plans, std::uint32_t capacity) {
  return *std::find_if(plans.begin(), plans.end(),
                       [capacity](const auto& plan) { return plan.capacity == capacity; });
}

template <class T>
T* elements(const DeviceBuffer<std::byte>& buffer) {
  return reinterpret_cast<T*>(buffer.data());
}

}  // namespace

DeviceNetwork::DeviceNetwork(const NetworkShape& shape, const TrainingSettings& settings,
                             std::uint32_t max_window_rows, LayerPlanner& planner, cudaStream_t stream)
    : settings_(settings),
      features_(shape.features()),
      layout_(shape, settings.math),
      training_capacities_(training_capacities_of(settings.batch)),
      scoring_capacities_(scoring_capacities_of(max_window_rows)),
      parameters_(layout_.size(), stream),
      first_moment_(layout_.size(), stream),
      second_moment_(layout_.size(), stream),
      moments_(std::size_t{3} * features_, stream),
      state_(1, stream),
      narrow_(settings.math == MathMode::bf16 ? layout_.size() : 0, stream),
      scaling_(std::size_t{3} * features_, stream),
      input_(std::size_t{std::max(settings.batch, scoring_capacities_.back())} * layout_.input_columns() *
                 element_bytes(settings.math),
             stream),
      labels_(std::max(settings.batch, scoring_capacities_.back()), stream),
      losses_(kMostLossParts, stream),
      output_parts_(std::size_t{loss_parts(settings.batch)} * (layout_.last_columns() + 4), stream),
      gradient_(layout_.size(), stream) {
  const std::size_t capacity = labels_.size();
  for (const PaddedLayer& layer : layout_.hidden()) {
    const std::size_t row_bytes = layer.outputs * element_bytes(settings.math);
    hidden_.push_back(
        {DeviceBuffer<std::byte>(capacity * row_bytes, stream),
         DeviceBuffer<std::byte>(settings.batch * row_bytes, stream),
         DeviceBuffer<std::uint32_t>(std::size_t{settings.batch} * mask_bits(layer.outputs) / 32, stream)});
  }
  fill_zero_async(parameters_.view(), stream);
  fill_zero_async(first_moment_.view(), stream);
  fill_zero_async(second_moment_.view(), stream);
  fill_zero_async(moments_.view(), stream);
  fill_zero_async(state_.view(), stream);
  fill_zero_async(gradient_.view(), stream);  // its padding is never written again
  // Products are timed on these, where they are.
  fill_zero_async(input_.view(), stream);
  for (const Activations& layer : hidden_) {
    fill_zero_async(layer.values.view(), stream);
    fill_zero_async(layer.gradient.view(), stream);
    fill_zero_async(layer.relu_mask.view(), stream);
  }
  renew_derived_async(stream);
  for (const std::uint32_t rows : training_capacities_) {
    training_plans_.push_back(make_plan(rows, true, planner));
  }
  for (const std::uint32_t rows : scoring_capacities_) {
    scoring_plans_.push_back(make_plan(rows, false, planner));
  }
}

DeviceNetwork::Plan DeviceNetwork::make_plan(std::uint32_t capacity, bool trains,
                                             LayerPlanner& planner) const {
  Plan plan{capacity, {}};
  const auto parameter = [this](std::size_t at) -> const void* {
    if (settings_.math == MathMode::bf16) return narrow_.data() + at;
    return parameters_.data() + at;
  };
  const std::uint32_t most = trains ? training_capacities_.back() : scoring_capacities_.back();
  const auto batches = capacity == most ? LayerPlanner::Batches::most : LayerPlanner::Batches::rests;
  for (std::size_t i = 0; i < hidden_.size(); ++i) {
    const PaddedLayer& layer = layout_.hidden()[i];
    const bool above_is_hidden = i + 1 < hidden_.size();
    const DenseShape shape = {.rows = capacity,
                              .inputs = layer.inputs,
                              .outputs = layer.outputs,
                              .above = trains && above_is_hidden ? layout_.hidden()[i + 1].outputs : 0,
                              .math = settings_.math,
                              .trains = trains};
    const DenseArrays arrays = {
        .input = i > 0 ? hidden_[i - 1].values.data() : input_.data(),
        .weights = parameter(layer.weights),
        .bias = parameter(layer.bias),
        .output = hidden_[i].values.data(),
        .output_mask = hidden_[i].relu_mask.data(),
        .output_gradient = hidden_[i].gradient.data(),
        .weight_gradient = gradient_.data() + layer.weights,
        .bias_gradient = gradient_.data() + layer.bias,
        .weights_above = above_is_hidden ? parameter(layout_.hidden()[i + 1].weights) : nullptr,
        .gradient_above = above_is_hidden ? hidden_[i + 1].gradient.data() : nullptr};
    plan.layers.push_back(planner.plan({shape, arrays}, batches));
  }
  return plan;
}

DeviceScaling DeviceNetwork::scaling() const {
  return {scaling_.data(), scaling_.data() + features_, scaling_.data() + std::size_t{2} * features_};
}

DeviceMoments DeviceNetwork::device_moments() const {
  return {moments_.data(), moments_.data() + features_, moments_.data() + std::size_t{2} * features_};
}

template <>
float* DeviceNetwork::operand(std::size_t at) const {
  return parameters_.data() + at;
}
template <>
__nv_bfloat16* DeviceNetwork::operand(std::size_t at) const {
  return narrow_.data() + at;
}

template <class T>
OutputLayer<T> DeviceNetwork::output_layer(std::uint32_t capacity) const {
  return {.activation = elements<T>(hidden_.empty() ? input_ : hidden_.back().values),
          .weights = operand<T>(layout_.output().weights),
          .bias = operand<T>(layout_.output().bias),
          .labels = labels_.data(),
          .capacity = capacity,
          .columns = layout_.last_columns()};
}

template <class T>
void DeviceNetwork::train_batch(const Plan& plan, cudaStream_t stream) const {
  gather_batch_async<T>(scaling(),
                        {elements<T>(input_), labels_.data(), plan.capacity, layout_.input_columns()},
                        state(), stream);
  for (const LayerProducts& layer : plan.layers) layer.forward->run_async(stream);

  const std::uint32_t blocks = loss_parts(plan.capacity);
  train_output_async<T>(
      output_layer<T>(plan.capacity),
      {.activation_gradient = hidden_.empty() ? nullptr : elements<T>(hidden_.back().gradient),
       .parts = output_parts_.data()},
      losses_.data(), state(), stream);
  for (std::size_t i = plan.layers.size(); i-- > 0;) {
    const LayerProducts& layer = plan.layers[i];
    if (layer.data_gradient != nullptr) layer.data_gradient->run_async(stream);
    layer.weight_gradient->run_async(stream);
  }

  const std::span losses = losses_.view().first(blocks);
  const std::size_t output_at = layout_.output().weights;
  const std::size_t output_size = layout_.last_columns() + 4;
  const AdamSettings adam = {settings_.learning_rate, settings_.beta1, settings_.beta2, settings_.epsilon};
  guard_gradient_async({.hidden = gradient_.view().first(output_at),
                        .output = gradient_.view().subspan(output_at, output_size),
                        .parts = output_parts_.view().first(blocks * output_size),
                        .losses = losses},
                       adam, state(), stream);
  adam_async(
      adam,
      {parameters_.view(), first_moment_.view(), second_moment_.view(), gradient_.view(), narrow_.view()},
      losses, state(), stream);
}

template <class T>
void DeviceNetwork::score_batch(const Plan& plan, cudaStream_t stream) const {
  gather_batch_async<T>(scaling(),
                        {elements<T>(input_), labels_.data(), plan.capacity, layout_.input_columns()},
                        state(), stream);
  for (const LayerProducts& layer : plan.layers) layer.forward->run_async(stream);
  score_output_async<T>(output_layer<T>(plan.capacity), losses_.data(), state(), stream);
  add_scores_async(losses_.view().first(loss_parts(plan.capacity)), state(), stream);
}

void DeviceNetwork::train_batch_async(std::uint32_t capacity, cudaStream_t stream) const {
  const Plan& plan = plan_of(training_plans_, capacity);
  settings_.math == MathMode::bf16 ? train_batch<__nv_bfloat16>(plan, stream)
                                   : train_batch<float>(plan, stream);
}

void DeviceNetwork::score_batch_async(std::uint32_t capacity, cudaStream_t stream) const {
  const Plan& plan = plan_of(scoring_plans_, capacity);
  settings_.math == MathMode::bf16 ? score_batch<__nv_bfloat16>(plan, stream)
                                   : score_batch<float>(plan, stream);
}

void DeviceNetwork::take_in_window_async(cudaStream_t stream) const {
  cuda::take_in_window_async(features_, settings_.standardize, state(), device_moments(), scaling(), stream);
}

void DeviceNetwork::renew_derived_async(cudaStream_t stream) const {
  renew_scaling_async(features_, settings_.standardize, device_moments(), scaling(), stream);
  if (narrow_.size() > 0) narrow_async(parameters_.view(), narrow_.view(), stream);
}

}  // namespace millrace::cuda
