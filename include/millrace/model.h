// The network and everything that training it depends on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace {

// A dense network: ReLU after every hidden layer, one logit at the end. The sigmoid is part of the loss in
// training and is applied once at the output of predict and export.
struct NetworkShape {
  std::vector<std::uint32_t> widths;  // inputs, hidden layers, 1: {9, 128, 256, 128, 1}

  bool operator==(const NetworkShape&) const = default;
  [[nodiscard]] std::uint32_t features() const { return widths.front(); }
  [[nodiscard]] std::size_t layers() const { return widths.size() - 1; }
  // Weights and biases of all layers together.
  [[nodiscard]] std::size_t parameters() const {
    std::size_t count = 0;
    for (std::size_t layer = 0; layer < layers(); ++layer) {
      count += (std::size_t{widths[layer]} + 1) * widths[layer + 1];
    }
    return count;
  }
  // Where layer `layer` begins in a parameter array: its weights [in, out] row-major, then its bias [out].
  [[nodiscard]] std::size_t offset(std::size_t layer) const {
    std::size_t count = 0;
    for (std::size_t before = 0; before < layer; ++before) {
      count += (std::size_t{widths[before]} + 1) * widths[before + 1];
    }
    return count;
  }
};

// Running moments of each feature over the values that were present: Chan, Golub and LeVeque (1979),
// "Updating formulae and a pairwise algorithm for computing sample variances", in double precision.
//
// A window is taken in once, in row order, after it was scored and before it is trained.
struct StandardizerState {
  std::vector<double> count;  // [features] values seen, missing ones excluded
  std::vector<double> mean;   // [features]
  std::vector<double> m2;     // [features] sum of squared distances from the mean

  bool operator==(const StandardizerState&) const = default;
};

// All that an engine holds between two windows. Two equal states train on equally, bit for bit.
struct ModelState {
  NetworkShape shape;
  std::vector<float> parameters;       // [shape.parameters()], layout: NetworkShape::offset
  std::vector<float> first_moment;     // Adam's m, the same layout
  std::vector<float> second_moment;    // Adam's v, the same layout
  std::uint64_t step = 0;              // optimizer updates so far
  std::uint64_t skipped_in_a_row = 0;  // updates dropped since the last one that was made
  StandardizerState standardizer;

  bool operator==(const ModelState&) const = default;
};

// Glorot and Bengio (2010): uniform in ±sqrt(6 / (in + out)); biases zero; the standardizer empty.
// The numbers come from Philox keyed by the seed: the same everywhere.
[[nodiscard]] ModelState initial_model_state(const NetworkShape& shape, std::uint64_t seed);

}  // namespace millrace
