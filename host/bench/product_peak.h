// What a step of the CPU engine is measured against: oneDNN's product of two large square matrices, on as
// many threads, in the same arithmetic.
//
// One thread at a time.
#pragma once

#include <memory>
#include <string>

#include "millrace/engine.h"

namespace millrace {

class ProductPeak {
 public:
  // Wide enough for the product to run at full speed, and still done in a fraction of a second.
  static constexpr int kWidth = 2048;

  explicit ProductPeak(int threads, MathMode math = MathMode::fp32, int width = kWidth);
  ProductPeak(const ProductPeak&) = delete;
  ProductPeak& operator=(const ProductPeak&) = delete;
  ~ProductPeak();

  // Computes one product; the best that any reached so far.
  double flop_per_s();

 private:
  struct Product;
  const int threads_;
  const double flop_;
  std::unique_ptr<Product> product_;
  double best_ = 0;
};

// "oneDNN 2.6.3".
[[nodiscard]] std::string onednn_version();

// FLOP of one step: two for each weight forward, two for its gradient, and two for the gradient by its input,
// which the first layer does not need.
[[nodiscard]] double step_flop(const NetworkShape& shape, std::uint32_t batch);

}  // namespace millrace
