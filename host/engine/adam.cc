#include "engine/adam.h"

#include <cmath>

namespace millrace {
namespace {

// 1 − βᵗ. Keras takes β into it as float32, whatever the model's precision; so do we, to step as Keras steps.
double bias_correction(double beta, std::uint64_t t) {
  return 1.0 - std::pow(static_cast<double>(static_cast<float>(beta)), static_cast<double>(t));
}

}  // namespace

AdamConstants adam_constants(const TrainingSettings& settings, std::uint64_t step) {
  const double step_size = settings.learning_rate * std::sqrt(bias_correction(settings.beta2, step)) /
                           bias_correction(settings.beta1, step);
  return {static_cast<float>(1.0 - settings.beta1), static_cast<float>(1.0 - settings.beta2),
          static_cast<float>(step_size), static_cast<float>(settings.epsilon)};
}

}  // namespace millrace
