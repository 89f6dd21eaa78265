// The parameters and Adam's moments, in blocks (blocked.h).
//
// A hidden layer is blocks_of(outputs) blocks of [inputs + 1][32 outputs], the last row of each being the
// bias; the last layer, with its one output, is [inputs + 1]. One layout for all arrays. The padding is zero
// for ever. Owned by an engine; which thread may touch what, and when, is the workers' business (worker.h).
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/model.h"

#include "engine/blocked.h"
#include "engine/float_buffer.h"
#include "engine/partition.h"
#include "engine/vector_kernels.h"

namespace millrace {

class ParameterArrays {
 public:
  // With `bf16` the weights of the hidden layers are kept rounded besides, for products.
  ParameterArrays(const NetworkShape& shape, const VectorKernels* bf16);

  [[nodiscard]] const NetworkShape& shape() const { return shape_; }
  [[nodiscard]] std::size_t hidden_layers() const { return shape_.layers() - 1; }
  [[nodiscard]] std::size_t inputs(std::size_t layer) const { return shape_.widths[layer]; }
  [[nodiscard]] std::size_t outputs(std::size_t layer) const { return shape_.widths[layer + 1]; }

  // Where the row of an input (or, after the inputs, the bias) stands in every array. In the last layer,
  // whose rows are single floats, `block` is 0.
  [[nodiscard]] std::size_t at(std::size_t layer, std::size_t block, std::size_t row) const {
    return begins_[layer] + block * block_floats(layer) + row * (layer == hidden_layers() ? 1 : kBlock);
  }
  // From one block of a hidden layer to the next.
  [[nodiscard]] std::size_t block_floats(std::size_t layer) const { return (inputs(layer) + 1) * kBlock; }
  [[nodiscard]] std::size_t size() const { return parameters_.size(); }

  [[nodiscard]] float* parameters() const { return parameters_.data(); }
  [[nodiscard]] AdamArrays for_adam(std::size_t at, const float* gradient) const {
    return {parameters_.data() + at, first_moment_.data() + at, second_moment_.data() + at, gradient};
  }

  // What products multiply: the weights themselves, or rounded. A row's place in them is at() / numbers().
  [[nodiscard]] const float* forward_weights() const { return bf16_ ? pairs_.data() : parameters_.data(); }
  [[nodiscard]] const float* backward_weights() const { return bf16_ ? rounded_.data() : parameters_.data(); }
  [[nodiscard]] std::size_t numbers() const { return bf16_ ? 2 : 1; }
  // Rounds some rows of a block of weights anew; without bf16 there is nothing to do. They begin at an even
  // one, and the bias, which is not rounded, may be among them.
  void round(std::size_t layer, std::size_t block, Range weight_rows);

  // Between these arrays and a state's (row-major, NetworkShape::offset).
  void load(const ModelState& state);
  void save(ModelState& state) const;

 private:
  // Calls each(place in these arrays, place in a state's arrays) for every parameter.
  template <class Each>
  void for_all(const Each& each) const;

  NetworkShape shape_;
  std::vector<std::size_t> begins_;  // by layer
  FloatBuffer parameters_;
  FloatBuffer first_moment_;
  FloatBuffer second_moment_;
  const VectorKernels* bf16_;  // null: float32
  FloatBuffer pairs_;          // [inputs / 2][32 outputs] in each block: pairs of rows
  FloatBuffer rounded_;        // [inputs][32 outputs] in each block, 16 floats a row
};

}  // namespace millrace
