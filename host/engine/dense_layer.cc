#include "engine/dense_layer.h"

namespace millrace {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
constexpr auto kFloat = dnnl::memory::data_type::f32;

dnnl::primitive_attr fused_relu() {
  dnnl::post_ops after;
  after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);
  return attributes;
}

}  // namespace

// oneDNN sees W as [out, in]; `ba` then is [in, out] row-major.
Desc DenseLayer::weights_anyhow() const { return {{outputs, inputs}, kFloat, Tag::any}; }
Desc DenseLayer::weights_row_major() const { return {{outputs, inputs}, kFloat, Tag::ba}; }
Desc DenseLayer::bias() const { return {{outputs}, kFloat, Tag::a}; }
Desc DenseLayer::rows(dnnl::memory::dim count, dnnl::memory::dim width) {
  return {{count, width}, kFloat, Tag::ab};
}

DenseAlgorithms::DenseAlgorithms(const dnnl::engine& engine, const DenseLayer& layer, dnnl::memory::dim rows,
                                 const Desc& weights) {
  const Desc x = DenseLayer::rows(rows, layer.inputs);
  const Desc y = DenseLayer::rows(rows, layer.outputs);
  forward = {{dnnl::prop_kind::forward_training, x, weights, layer.bias(), y}, fused_relu(), engine};
  backward_data = {{x, weights, y}, engine, forward};
  backward_weights = {{x, weights, layer.bias(), y}, engine, forward};
}

Desc weights_layout(const dnnl::engine& engine, const DenseLayer& layer,
                    const std::vector<dnnl::memory::dim>& row_counts) {
  Desc agreed;
  for (const dnnl::memory::dim rows : row_counts) {
    const DenseAlgorithms algorithms(engine, layer, rows, layer.weights_anyhow());
    if (agreed == Desc()) agreed = algorithms.forward.weights_desc();
    if (algorithms.forward.weights_desc() != agreed || algorithms.backward_data.weights_desc() != agreed ||
        algorithms.backward_weights.diff_weights_desc() != agreed) {
      return layer.weights_row_major();
    }
  }
  return agreed;
}

}  // namespace millrace
