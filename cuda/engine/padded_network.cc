#include "cuda/engine/padded_network.h"

#include <algorithm>

namespace millrace::cuda {

PaddedNetwork::PaddedNetwork(const NetworkShape& shape, MathMode math) : shape_(shape), size_(0) {
  const std::uint32_t multiple = math == MathMode::bf16 ? 8 : 4;  // elements in 16 bytes
  const auto padded = [multiple](std::uint32_t width) {
    return (width + multiple - 1) / multiple * multiple;
  };
  for (std::size_t i = 0; i < shape.layers(); ++i) {
    const bool last = i + 1 == shape.layers();
    PaddedLayer layer = {.inputs = padded(shape.widths[i]),
                         .outputs = last ? 1 : padded(shape.widths[i + 1]),
                         .weights = size_,
                         .bias = 0};
    layer.bias = layer.weights + std::size_t{layer.inputs} * layer.outputs;
    size_ = layer.bias + (last ? multiple : layer.outputs);
    layers_.push_back(layer);
  }
}

void PaddedNetwork::pad(std::span<const float> plain, std::span<float> padded) const {
  std::fill(padded.begin(), padded.end(), 0.0F);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::uint32_t outputs = shape_.widths[i + 1];
    const float* from = plain.data() + shape_.offset(i);
    for (std::uint32_t row = 0; row < shape_.widths[i]; ++row, from += outputs) {
      std::copy_n(from, outputs, padded.data() + layers_[i].weights + std::size_t{row} * layers_[i].outputs);
    }
    std::copy_n(from, outputs, padded.data() + layers_[i].bias);
  }
}

void PaddedNetwork::unpad(std::span<const float> padded, std::span<float> plain) const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::uint32_t outputs = shape_.widths[i + 1];
    float* to = plain.data() + shape_.offset(i);
    for (std::uint32_t row = 0; row < shape_.widths[i]; ++row, to += outputs) {
      std::copy_n(padded.data() + layers_[i].weights + std::size_t{row} * layers_[i].outputs, outputs, to);
    }
    std::copy_n(padded.data() + layers_[i].bias, outputs, to);
  }
}

}  // namespace millrace::cuda
