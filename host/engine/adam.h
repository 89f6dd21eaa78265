// The optimizer: Adam as Keras 3 computes it (engine.h), and the gate that keeps what is not finite out.
//
// Owned by an engine. One thread at a time, which leads OpenMP's others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/engine.h"

#include "engine/vector_kernels.h"

namespace millrace {

class Adam {
 public:
  explicit Adam(const TrainingSettings& settings);

  // Makes update number step() + 1 of `count` parameters and counts it; or, when a gradient is not finite or
  // so large that its square is not, touches nothing and returns false.
  bool update(const AdamArrays& arrays, std::size_t count);

  [[nodiscard]] std::uint64_t step() const { return step_; }
  void set_step(std::uint64_t step) { step_ = step; }

 private:
  const VectorKernels& kernels_;
  double learning_rate_;
  double beta1_;
  double beta2_;
  double epsilon_;
  std::uint64_t step_ = 0;
};

}  // namespace millrace
