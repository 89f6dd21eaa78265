// The parameters, their gradients and Adam's moments, in the layout that the matrix products like best.
//
// One layout for all four arrays, so that Adam is one loop over them; layers may be padded, and the padding
// is zero for ever. Owned by an engine. One thread at a time.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <vector>

#include "millrace/model.h"

#include "engine/dense_layer.h"
#include "engine/float_buffer.h"
#include "engine/onednn.h"
#include "engine/vector_kernels.h"

namespace millrace {

// Where a hidden layer's parameters begin in each array, in floats.
struct HiddenLayer {
  DenseLayer dense;
  dnnl::memory::desc weights;  // the layout in the arrays
  std::size_t weights_at = 0;
  std::size_t bias_at = 0;
};

// The last layer: one logit.
struct OutputLayer {
  std::size_t width = 0;       // its inputs
  std::size_t weights_at = 0;  // [width]
  std::size_t bias_at = 0;
};

class ParameterArrays {
 public:
  // `row_counts` are the batch sizes that will be computed.
  ParameterArrays(const OneDnn& onednn, const NetworkShape& shape,
                  const std::vector<dnnl::memory::dim>& row_counts);

  [[nodiscard]] const std::vector<HiddenLayer>& hidden() const { return hidden_; }
  [[nodiscard]] const OutputLayer& output() const { return output_; }

  [[nodiscard]] float* parameters() const { return parameters_.data(); }
  [[nodiscard]] float* gradient() const { return gradient_.data(); }
  [[nodiscard]] std::size_t size() const { return parameters_.size(); }
  [[nodiscard]] AdamArrays for_adam() const {
    return {parameters_.data(), first_moment_.data(), second_moment_.data(), gradient_.data()};
  }

  // Between these arrays and a state's (row-major, NetworkShape::offset).
  void load(const OneDnn& onednn, const ModelState& state);
  void save(const OneDnn& onednn, ModelState& state) const;

 private:
  NetworkShape shape_;
  std::vector<HiddenLayer> hidden_;
  OutputLayer output_;
  FloatBuffer parameters_;
  FloatBuffer gradient_;
  FloatBuffer first_moment_;
  FloatBuffer second_moment_;
};

}  // namespace millrace
