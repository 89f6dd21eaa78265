#include "engine/parameter_arrays.h"

#include <algorithm>
#include <stdexcept>

namespace millrace {
namespace {

// Each part begins on a cache line.
std::size_t padded(std::size_t floats) {
  constexpr std::size_t kLineFloats = 16;
  return (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
}

std::vector<HiddenLayer> place_hidden(const OneDnn& onednn, const NetworkShape& shape,
                                      const std::vector<dnnl::memory::dim>& row_counts) {
  std::vector<HiddenLayer> layers;
  std::size_t at = 0;
  for (std::size_t layer = 0; layer + 1 < shape.layers(); ++layer) {
    HiddenLayer placed;
    placed.dense = {shape.widths[layer], shape.widths[layer + 1]};
    placed.weights = weights_layout(onednn.engine, placed.dense, row_counts);
    placed.weights_at = at;
    at += padded(placed.weights.get_size() / sizeof(float));
    placed.bias_at = at;
    at += padded(shape.widths[layer + 1]);
    layers.push_back(std::move(placed));
  }
  return layers;
}

OutputLayer place_output(const NetworkShape& shape, const std::vector<HiddenLayer>& hidden) {
  OutputLayer output;
  output.width = shape.widths[shape.widths.size() - 2];
  output.weights_at = hidden.empty() ? 0 : hidden.back().bias_at + padded(shape.widths[hidden.size()]);
  output.bias_at = output.weights_at + padded(output.width);
  return output;
}

void reorder(const OneDnn& onednn, const dnnl::memory::desc& from, const float* source,
             const dnnl::memory::desc& to, float* destination) {
  // oneDNN takes every memory as writable; a reorder only reads its source.
  const dnnl::memory in(from, onednn.engine, const_cast<float*>(source));
  const dnnl::memory out(to, onednn.engine, destination);
  BoundPrimitive(dnnl::reorder(in, out), {{DNNL_ARG_FROM, in}, {DNNL_ARG_TO, out}}).run(onednn);
}

}  // namespace

ParameterArrays::ParameterArrays(const OneDnn& onednn, const NetworkShape& shape,
                                 const std::vector<dnnl::memory::dim>& row_counts)
    : shape_(shape),
      hidden_(place_hidden(onednn, shape, row_counts)),
      output_(place_output(shape, hidden_)),
      parameters_(output_.bias_at + padded(1)),
      gradient_(parameters_.size(), 17),
      first_moment_(parameters_.size(), 34),
      second_moment_(parameters_.size(), 51) {}

void ParameterArrays::load(const OneDnn& onednn, const ModelState& state) {
  const auto load_array = [&](const std::vector<float>& from, const FloatBuffer& to) {
    if (from.size() != shape_.parameters()) throw std::invalid_argument("model state: array of another size");
    for (std::size_t layer = 0; layer < hidden_.size(); ++layer) {
      const HiddenLayer& placed = hidden_[layer];
      const float* weights = from.data() + shape_.offset(layer);
      const std::size_t weight_count = std::size_t{shape_.widths[layer]} * shape_.widths[layer + 1];
      reorder(onednn, placed.dense.weights_row_major(), weights, placed.weights,
              to.data() + placed.weights_at);
      std::copy_n(weights + weight_count, shape_.widths[layer + 1], to.data() + placed.bias_at);
    }
    const float* output = from.data() + shape_.offset(hidden_.size());
    std::copy_n(output, output_.width, to.data() + output_.weights_at);
    to.data()[output_.bias_at] = output[output_.width];
  };
  load_array(state.parameters, parameters_);
  load_array(state.first_moment, first_moment_);
  load_array(state.second_moment, second_moment_);
}

void ParameterArrays::save(const OneDnn& onednn, ModelState& state) const {
  const auto save_array = [&](const FloatBuffer& from, std::vector<float>& to) {
    to.resize(shape_.parameters());
    for (std::size_t layer = 0; layer < hidden_.size(); ++layer) {
      const HiddenLayer& placed = hidden_[layer];
      float* weights = to.data() + shape_.offset(layer);
      const std::size_t weight_count = std::size_t{shape_.widths[layer]} * shape_.widths[layer + 1];
      reorder(onednn, placed.weights, from.data() + placed.weights_at, placed.dense.weights_row_major(),
              weights);
      std::copy_n(from.data() + placed.bias_at, shape_.widths[layer + 1], weights + weight_count);
    }
    float* output = to.data() + shape_.offset(hidden_.size());
    std::copy_n(from.data() + output_.weights_at, output_.width, output);
    output[output_.width] = from.data()[output_.bias_at];
  };
  state.shape = shape_;
  save_array(parameters_, state.parameters);
  save_array(first_moment_, state.first_moment);
  save_array(second_moment_, state.second_moment);
}

}  // namespace millrace
