#include "engine/adam.h"

#include <bit>
#include <cmath>

#include "engine/engine_threads.h"

namespace millrace {
namespace {

// The square of a gradient enters the second moment. This is the largest float below 2^64, whose square is
// beyond the floats.
constexpr float kLargestGradient = 0x1.fffffep63F;

// A thread is worth waking for this many parameters.
constexpr std::size_t kParametersPerThread = 8192;

// 1 − βᵗ. Keras takes β into it as float32, whatever the model's precision; so do we, to step as Keras steps.
double bias_correction(double beta, std::uint64_t t) {
  return 1.0 - std::pow(static_cast<double>(static_cast<float>(beta)), static_cast<double>(t));
}

}  // namespace

Adam::Adam(const TrainingSettings& settings)
    : kernels_(vector_kernels()),
      learning_rate_(settings.learning_rate),
      beta1_(settings.beta1),
      beta2_(settings.beta2),
      epsilon_(settings.epsilon) {}

bool Adam::update(const AdamArrays& arrays, std::size_t count) {
  if (kernels_.largest_magnitude(arrays.gradient, count) > std::bit_cast<std::uint32_t>(kLargestGradient)) {
    return false;
  }
  ++step_;
  const double step_size =
      learning_rate_ * std::sqrt(bias_correction(beta2_, step_)) / bias_correction(beta1_, step_);
  const AdamConstants constants = {static_cast<float>(1.0 - beta1_), static_cast<float>(1.0 - beta2_),
                                   static_cast<float>(step_size), static_cast<float>(epsilon_)};
  in_parts(count, kParametersPerThread,
           [&](std::size_t begin, std::size_t end) { kernels_.adam(constants, arrays, begin, end); });
  return true;
}

}  // namespace millrace
