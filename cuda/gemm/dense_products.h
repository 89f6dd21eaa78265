// The matrix products of one hidden layer, for batches of one capacity:
//
//   forward          y  = relu(x·w + b)
//   data gradient    dy = (dy'·w'ᵀ) where y > 0, 0 elsewhere     w' and dy' are the hidden layer's above
//   weight gradient  dw = xᵀ·dy
//
// and the bias gradient db = Σ rows of dy, which comes with one of the gradients. Two libraries compute them:
// cuBLASLt (cublaslt_products.h) and cuDNN (cudnn_products.h). Which one does which, layer_planner.h chooses.
//
// Widths are padded with zeros so that rows are a multiple of 16 bytes long (padded_network.h): what stands
// in the padding is zero and stays zero. Products are planned when they are made; they only enqueue, and may
// be captured. One thread at a time. Errors: DeviceError.
#pragma once

#include <compare>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/engine.h"

namespace millrace::cuda {

struct DenseShape {
  std::uint32_t rows;     // the batch's capacity
  std::uint32_t inputs;   // padded
  std::uint32_t outputs;  // padded
  std::uint32_t above;    // outputs of the hidden layer above, padded; 0: there is none, and no data gradient
  MathMode math;
  bool trains;  // false: forward only
};

// In device memory, aligned to 16 bytes, row-major without gaps. Elements are float, or bfloat16 with
// MathMode::bf16, where the type does not say otherwise. What a shape does not need may be null.
struct DenseArrays {
  const void* input;           // x [rows, inputs]
  const void* weights;         // w [inputs, outputs]
  const void* bias;            // b [outputs]
  void* output;                // y [rows, outputs]
  void* output_mask;           // y > 0 as bits, [rows, mask_bits(outputs)]
  void* output_gradient;       // dy [rows, outputs]
  float* weight_gradient;      // dw [inputs, outputs]
  float* bias_gradient;        // db [outputs]
  const void* weights_above;   // w' [outputs, above]
  const void* gradient_above;  // dy' [rows, above]
};

struct DenseLayer {
  DenseShape shape;
  DenseArrays arrays;
};

// The ReLU's bit mask: bits from row to row.
[[nodiscard]] constexpr std::uint32_t mask_bits(std::uint32_t width) { return (width + 127) / 128 * 128; }

enum class ProductKind { forward, data_gradient, weight_gradient };

// One product of a layer, and what it does besides.
struct DenseProduct {
  ProductKind kind;
  bool masks = false;          // forward: writes output_mask; data gradient: goes by it, not by y
  bool bias_gradient = false;  // either gradient: writes db

  friend auto operator<=>(const DenseProduct&, const DenseProduct&) = default;
};

// A product that is ready to run.
class Product {
 public:
  Product() = default;
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  virtual ~Product() = default;

  virtual void run_async(cudaStream_t stream) const = 0;
};

struct Candidate {
  std::string algorithm;  // the library's own description, without spaces and semicolons
  std::unique_ptr<Product> product;
};

// A library that plans products. It outlives them, and so do the arrays.
class ProductLibrary {
 public:
  ProductLibrary() = default;
  ProductLibrary(const ProductLibrary&) = delete;
  ProductLibrary& operator=(const ProductLibrary&) = delete;
  virtual ~ProductLibrary() = default;

  // "cublaslt" or "cudnn", and the library's version.
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string version() const = 0;

  enum class Advice { best, worth_timing };
  // What it advises for the product, best first; empty: it has nothing that is allowed.
  [[nodiscard]] virtual std::vector<Candidate> candidates(const DenseProduct& product,
                                                          const DenseLayer& layer, Advice advice,
                                                          cudaStream_t stream) = 0;
  // By an algorithm that a library of this name and version described; null: it cannot be used here.
  [[nodiscard]] virtual std::unique_ptr<Product> by(std::string_view algorithm, const DenseProduct& product,
                                                    const DenseLayer& layer, cudaStream_t stream) = 0;
};

using ProductLibraries = std::vector<std::unique_ptr<ProductLibrary>>;

}  // namespace millrace::cuda
