#include "engine/logistic_loss.h"

#include <algorithm>
#include <array>

#include "engine/vector_kernels.h"

namespace millrace {
namespace {

constexpr std::size_t kAtATime = 64;

// Calls each(row, loss, slope) for all rows, in their order.
template <class Each>
void for_rows(std::span<const float> logits, std::span<const float> labels, const Each& each) {
  static const VectorKernels& kernels = vector_kernels();
  std::array<float, kAtATime> losses, slopes;
  for (std::size_t begin = 0; begin < logits.size(); begin += kAtATime) {
    const std::size_t count = std::min(kAtATime, logits.size() - begin);
    kernels.logistic_loss(logits.data() + begin, labels.data() + begin, count, losses.data(), slopes.data());
    for (std::size_t i = 0; i < count; ++i) each(begin + i, losses[i], slopes[i]);
  }
}

}  // namespace

LossSums logistic_loss(std::span<const float> logits, std::span<const float> labels) {
  LossSums sums;
  for_rows(logits, labels, [&](std::size_t row, float loss, float /*slope*/) {
    sums.loss += static_cast<double>(loss);
    sums.correct += (logits[row] >= 0.0F) == (labels[row] >= 0.5F) ? 1 : 0;
  });
  return sums;
}

double logistic_loss_gradient(std::span<const float> logits, std::span<const float> labels,
                              std::size_t batch_rows, std::span<float> gradients) {
  const auto rows = static_cast<float>(batch_rows);
  double sum = 0;
  for_rows(logits, labels, [&](std::size_t row, float loss, float slope) {
    sum += static_cast<double>(loss);
    gradients[row] = slope / rows;
  });
  return sum;
}

}  // namespace millrace
