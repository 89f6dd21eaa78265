#include "engine/parameter_arrays.h"

#include <algorithm>
#include <stdexcept>

namespace millrace {
namespace {

// Where each layer begins, and behind the last one how much they take together.
std::vector<std::size_t> place_layers(const NetworkShape& shape) {
  std::vector<std::size_t> begins = {0};
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    const std::size_t rows = std::size_t{shape.widths[layer]} + 1;
    const bool hidden = layer + 1 < shape.layers();
    begins.push_back(begins.back() +
                     (hidden ? rows * in_whole_blocks(shape.widths[layer + 1]) : in_whole_blocks(rows)));
  }
  return begins;
}

}  // namespace

ParameterArrays::ParameterArrays(const NetworkShape& shape, const VectorKernels* bf16)
    : shape_(shape),
      begins_(place_layers(shape)),
      parameters_(begins_.back()),
      first_moment_(begins_.back(), 17),
      second_moment_(begins_.back(), 34),
      bf16_(bf16),
      pairs_(bf16 != nullptr ? begins_.back() / 2 : 0, 7),
      rounded_(bf16 != nullptr ? begins_.back() / 2 : 0, 24) {}

void ParameterArrays::round(std::size_t layer, std::size_t block, Range weight_rows) {
  const std::size_t end = std::min(weight_rows.end, inputs(layer));
  if (bf16_ == nullptr || layer == hidden_layers() || weight_rows.begin >= end) return;
  const std::size_t first = at(layer, block, weight_rows.begin);
  bf16_->to_bf16_pairs(parameters_.data() + first, end - weight_rows.begin, pairs_.data() + first / 2);
  bf16_->to_bf16(parameters_.data() + first, end - weight_rows.begin, rounded_.data() + first / 2);
}

template <class Each>
void ParameterArrays::for_all(const Each& each) const {
  std::size_t in_state = 0;
  for (std::size_t layer = 0; layer < shape_.layers(); ++layer) {
    for (std::size_t row = 0; row <= inputs(layer); ++row) {
      for (std::size_t output = 0; output < outputs(layer); ++output) {
        each(at(layer, output / kBlock, row) + output % kBlock, in_state++);
      }
    }
  }
}

void ParameterArrays::load(const ModelState& state) {
  const auto load_array = [&](const std::vector<float>& from, const FloatBuffer& to) {
    if (from.size() != shape_.parameters()) throw std::invalid_argument("model state: array of another size");
    for_all([&](std::size_t here, std::size_t there) { to.data()[here] = from[there]; });
  };
  load_array(state.parameters, parameters_);
  load_array(state.first_moment, first_moment_);
  load_array(state.second_moment, second_moment_);
  for (std::size_t layer = 0; layer < hidden_layers(); ++layer) {
    for (std::size_t block = 0; block < blocks_of(outputs(layer)); ++block) {
      round(layer, block, {0, inputs(layer)});
    }
  }
}

void ParameterArrays::save(ModelState& state) const {
  const auto save_array = [&](const FloatBuffer& from, std::vector<float>& to) {
    to.resize(shape_.parameters());
    for_all([&](std::size_t here, std::size_t there) { to[there] = from.data()[here]; });
  };
  state.shape = shape_;
  save_array(parameters_, state.parameters);
  save_array(first_moment_, state.first_moment);
  save_array(second_moment_, state.second_moment);
}

}  // namespace millrace
