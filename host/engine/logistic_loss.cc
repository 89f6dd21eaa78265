#include "engine/logistic_loss.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

float loss_of(float logit, float label, float exp_of_minus_magnitude) {
  return std::max(logit, 0.0F) - logit * label + std::log1p(exp_of_minus_magnitude);
}

}  // namespace

LossSums logistic_loss(std::span<const float> logits, std::span<const float> labels) {
  LossSums sums;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float z = logits[i];
    sums.loss += static_cast<double>(loss_of(z, labels[i], std::exp(-std::abs(z))));
    sums.correct += (z >= 0.0F) == (labels[i] >= 0.5F) ? 1 : 0;
  }
  return sums;
}

double logistic_loss_gradient(std::span<const float> logits, std::span<const float> labels,
                              std::size_t batch_rows, std::span<float> gradients) {
  const auto rows = static_cast<float>(batch_rows);
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float z = logits[i];
    const float e = std::exp(-std::abs(z));
    sum += static_cast<double>(loss_of(z, labels[i], e));
    const float probability = (z >= 0.0F ? 1.0F : e) / (1.0F + e);
    gradients[i] = (probability - labels[i]) / rows;
  }
  return sum;
}

}  // namespace millrace
