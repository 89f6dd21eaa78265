// The network as it lies on the device: every width rounded up so that rows are a multiple of 16 bytes long,
// and every tensor aligned to that. What stands in the padding is zero, and training keeps it zero: a unit
// without weights has no activation, no gradient and no update. The state outside stays unpadded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/engine.h"
#include "millrace/model.h"

namespace millrace::cuda {

// A layer's place in the flat padded array.
struct PaddedLayer {
  std::uint32_t inputs;   // padded
  std::uint32_t outputs;  // padded; of the output layer: 1
  std::size_t weights;    // [inputs, outputs] row-major
  std::size_t bias;       // [outputs]; of the output layer: one float, and zeros to 16 bytes
};

class PaddedNetwork {
 public:
  PaddedNetwork(const NetworkShape& shape, MathMode math);

  [[nodiscard]] std::span<const PaddedLayer> hidden() const {
    return std::span(layers_).first(layers_.size() - 1);
  }
  [[nodiscard]] const PaddedLayer& output() const { return layers_.back(); }
  // What the input is wide, and what enters the output layer.
  [[nodiscard]] std::uint32_t input_columns() const { return layers_.front().inputs; }
  [[nodiscard]] std::uint32_t last_columns() const { return layers_.back().inputs; }
  // Elements of the flat padded array.
  [[nodiscard]] std::size_t size() const { return size_; }

  // Between an array in the layout of NetworkShape::offset and the padded one; `padded` is written whole.
  void pad(std::span<const float> plain, std::span<float> padded) const;
  void unpad(std::span<const float> padded, std::span<float> plain) const;

 private:
  NetworkShape shape_;
  std::vector<PaddedLayer> layers_;
  std::size_t size_;
};

}  // namespace millrace::cuda
