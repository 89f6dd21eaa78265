// What oneDNN is asked for one dense layer y = relu(x·W + b) and its gradients.
//
// x and y are row-major; W lies as `weights` says (any: as oneDNN likes it best).
#pragma once

#include <dnnl.hpp>
#include <vector>

namespace millrace {

struct DenseLayer {
  dnnl::memory::dim inputs = 0;
  dnnl::memory::dim outputs = 0;

  [[nodiscard]] dnnl::memory::desc weights_anyhow() const;     // the layout is oneDNN's choice
  [[nodiscard]] dnnl::memory::desc weights_row_major() const;  // [in, out], as in ModelState
  [[nodiscard]] dnnl::memory::desc bias() const;
  [[nodiscard]] static dnnl::memory::desc rows(dnnl::memory::dim count, dnnl::memory::dim width);
};

// How a layer's three products are computed for `rows` rows at a time. The ReLU is fused into the first; the
// gradient that the other two take is already masked by it.
struct DenseAlgorithms {
  dnnl::inner_product_forward::primitive_desc forward;
  dnnl::inner_product_backward_data::primitive_desc backward_data;
  dnnl::inner_product_backward_weights::primitive_desc backward_weights;

  DenseAlgorithms(const dnnl::engine& engine, const DenseLayer& layer, dnnl::memory::dim rows,
                  const dnnl::memory::desc& weights);
};

// The layout of W on which all three products agree for all these numbers of rows, so that one copy serves
// them all; row-major where they do not agree.
[[nodiscard]] dnnl::memory::desc weights_layout(const dnnl::engine& engine, const DenseLayer& layer,
                                                const std::vector<dnnl::memory::dim>& row_counts);

}  // namespace millrace
