#include "engine/network.h"

#include <algorithm>

#include "engine/engine_threads.h"

namespace millrace {
namespace {

// Going forward only, larger batches pay: weights stay in the cache for more rows.
constexpr std::uint32_t kForwardRows = 1024;

// Below this many rows a plan that is too large costs less than one more pass.
constexpr std::uint32_t kFewRows = 32;

// A thread is worth waking for this many floats.
constexpr std::size_t kFloatsPerThread = 32768;

std::uint32_t largest_capacity(std::uint32_t batch) { return std::max(batch, kForwardRows); }

}  // namespace

std::vector<dnnl::memory::dim> Network::training_capacities(std::uint32_t batch) {
  std::vector<dnnl::memory::dim> capacities;
  for (dnnl::memory::dim power = 1; power < batch; power *= 2) capacities.push_back(power);
  capacities.push_back(batch);
  return capacities;
}

Network::Network(const OneDnn& onednn, const NetworkShape& shape, const ParameterArrays& arrays,
                 std::uint32_t batch)
    : onednn_(onednn),
      arrays_(arrays),
      kernels_(vector_kernels()),
      features_(shape.features()),
      input_(largest_capacity(batch) * features_) {
  std::size_t stagger = 0;
  for (std::size_t layer = 0; layer + 1 < shape.layers(); ++layer) {
    const std::size_t width = shape.widths[layer + 1];
    hidden_.push_back({width, FloatBuffer(largest_capacity(batch) * width, stagger + 5),
                       FloatBuffer(batch * width, stagger + 10)});
    stagger += 10;
  }
  for (const dnnl::memory::dim capacity : training_capacities(batch)) {
    plans_.push_back(make_plan(static_cast<std::uint32_t>(capacity), true));
  }
  for (std::uint32_t power = 1; power <= kForwardRows; power *= 2) {
    if (power > batch) plans_.push_back(make_plan(power, false));
  }
}

Network::Plan Network::make_plan(std::uint32_t capacity, bool trains) const {
  const auto memory = [this](const dnnl::memory::desc& layout, float* at) {
    return dnnl::memory(layout, onednn_.engine, at);
  };
  Plan plan;
  plan.capacity = capacity;
  const FloatBuffer* below = &input_;
  for (std::size_t i = 0; i < hidden_.size(); ++i) {
    const HiddenLayer& placed = arrays_.hidden()[i];
    const DenseLayer& dense = placed.dense;
    const DenseAlgorithms algorithms(onednn_.engine, dense, capacity, placed.weights);
    const dnnl::memory x = memory(DenseLayer::rows(capacity, dense.inputs), below->data());
    const dnnl::memory y = memory(DenseLayer::rows(capacity, dense.outputs), hidden_[i].activation.data());
    const dnnl::memory weights = memory(placed.weights, arrays_.parameters() + placed.weights_at);
    const dnnl::memory bias = memory(dense.bias(), arrays_.parameters() + placed.bias_at);
    plan.forward.emplace_back(
        dnnl::inner_product_forward(algorithms.forward),
        BoundPrimitive::Arguments{
            {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, y}});
    if (trains) {
      const dnnl::memory dy = memory(DenseLayer::rows(capacity, dense.outputs), hidden_[i].gradient.data());
      const dnnl::memory dw = memory(placed.weights, arrays_.gradient() + placed.weights_at);
      const dnnl::memory db = memory(dense.bias(), arrays_.gradient() + placed.bias_at);
      plan.backward_weights.emplace_back(dnnl::inner_product_backward_weights(algorithms.backward_weights),
                                         BoundPrimitive::Arguments{{DNNL_ARG_SRC, x},
                                                                   {DNNL_ARG_DIFF_DST, dy},
                                                                   {DNNL_ARG_DIFF_WEIGHTS, dw},
                                                                   {DNNL_ARG_DIFF_BIAS, db}});
      if (i > 0) {
        const dnnl::memory dx =
            memory(DenseLayer::rows(capacity, dense.inputs), hidden_[i - 1].gradient.data());
        plan.backward_data.emplace_back(
            dnnl::inner_product_backward_data(algorithms.backward_data),
            BoundPrimitive::Arguments{
                {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_SRC, dx}});
      }
    }
    below = &hidden_[i].activation;
  }
  return plan;
}

const Network::Plan& Network::plan_for(std::size_t rows) const {
  return *std::find_if(plans_.begin(), plans_.end(),
                       [rows](const Plan& plan) { return plan.capacity >= rows; });
}

std::uint32_t Network::forward_rows(std::uint32_t rows) const {
  if (rows <= kFewRows) return rows;
  const auto above =
      std::find_if(plans_.begin(), plans_.end(), [rows](const Plan& plan) { return plan.capacity > rows; });
  return std::prev(above)->capacity;
}

void Network::forward(std::span<float> logits) {
  const std::size_t rows = logits.size();
  const Plan& plan = plan_for(rows);
  std::fill(input_.data() + rows * features_, input_.data() + plan.capacity * features_, 0.0F);
  for (const BoundPrimitive& layer : plan.forward) layer.run(onednn_);

  const OutputLayer& output = arrays_.output();
  kernels_.dot_rows(last_activation().data(), rows, output.width, arrays_.parameters() + output.weights_at,
                    arrays_.parameters()[output.bias_at], logits.data());
}

void Network::backward(std::span<const float> logit_gradients) {
  const std::size_t rows = logit_gradients.size();
  const Plan& plan = plan_for(rows);
  const OutputLayer& output = arrays_.output();
  float* output_gradient = arrays_.gradient() + output.weights_at;
  std::fill_n(output_gradient, output.width, 0.0F);
  kernels_.add_scaled_rows(last_activation().data(), rows, output.width, logit_gradients.data(),
                           output_gradient);
  float& bias_gradient = arrays_.gradient()[output.bias_at];
  bias_gradient = 0;
  for (const float gradient : logit_gradients) bias_gradient += gradient;
  if (hidden_.empty()) return;

  const Hidden& last = hidden_.back();
  kernels_.spread_through_relu(logit_gradients.data(), arrays_.parameters() + output.weights_at,
                               last.activation.data(), rows, last.width, last.gradient.data());
  std::fill(last.gradient.data() + rows * last.width, last.gradient.data() + plan.capacity * last.width,
            0.0F);
  for (std::size_t layer = hidden_.size(); layer-- > 0;) {
    plan.backward_weights[layer].run(onednn_);
    if (layer == 0) break;
    plan.backward_data[layer - 1].run(onednn_);
    const Hidden& below = hidden_[layer - 1];
    in_parts(rows * below.width, kFloatsPerThread, [&](std::size_t begin, std::size_t end) {
      kernels_.mask_by_relu(below.gradient.data() + begin, below.activation.data() + begin, end - begin);
    });
  }
}

}  // namespace millrace
