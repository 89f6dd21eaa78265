// Binary cross-entropy of logits, stable for any of them, and its gradient.
//
// loss(z, y) = max(z, 0) - z·y + log(1 + exp(-|z|)), in nats; dloss/dz = sigmoid(z) - y.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace {

struct LossSums {
  double loss = 0;
  std::uint64_t correct = 0;  // (sigmoid(z) >= 0.5) == (y >= 0.5)
};

[[nodiscard]] LossSums logistic_loss(std::span<const float> logits, std::span<const float> labels);

// The sum over these rows, and into `gradients` the gradient by each logit of the mean over `batch_rows`
// rows.
double logistic_loss_gradient(std::span<const float> logits, std::span<const float> labels,
                              std::size_t batch_rows, std::span<float> gradients);

}  // namespace millrace
