// The matrix products of one hidden layer, for batches of one capacity:
//
//   forward          y  = relu(x·w + b)
//   weight gradient  dw = xᵀ·dy,  db = Σ rows of dy
//   data gradient    dx = (dy·wᵀ) where the layer below had its ReLU open, 0 elsewhere
//
// Two libraries compute them: cuBLASLt (cublaslt_products.h) and cuDNN (cudnn_products.h). The layers of one
// network are all one library's: cuDNN neither writes nor reads the ReLU's bit mask.
//
// Widths are padded with zeros so that rows are a multiple of 16 bytes long (padded_network.h): what stands
// in the padding is zero and stays zero. Everything is planned in the constructor; the `_async` functions
// only enqueue, and may be captured. One thread at a time. Errors: DeviceError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/engine.h"

namespace millrace::cuda {

struct DenseShape {
  std::uint32_t rows;     // the batch's capacity
  std::uint32_t inputs;   // padded
  std::uint32_t outputs;  // padded
  MathMode math;
  bool trains;        // false: forward only
  bool through_relu;  // the layer below is a hidden one: there is a data gradient
};

// In device memory, aligned to 16 bytes, row-major without gaps. Elements are float, or bfloat16 with
// MathMode::bf16, where the type does not say otherwise. What a shape does not need may be null.
struct DenseArrays {
  const void* input;            // x [rows, inputs]
  const void* weights;          // w [inputs, outputs]
  const void* bias;             // b [outputs]
  void* output;                 // y [rows, outputs]
  void* output_mask;            // bits, [rows, mask_bits(outputs)]: for the layer above, if it asks for one
  const void* output_gradient;  // dy [rows, outputs]
  float* weight_gradient;       // dw [inputs, outputs]
  float* bias_gradient;         // db [outputs]
  void* input_gradient;         // dx [rows, inputs]
  const void* input_mask;       // the layer below's output_mask
};

// The ReLU's bit mask: bits from row to row.
[[nodiscard]] constexpr std::uint32_t mask_bits(std::uint32_t width) { return (width + 127) / 128 * 128; }

class DenseProducts {
 public:
  DenseProducts() = default;
  DenseProducts(const DenseProducts&) = delete;
  DenseProducts& operator=(const DenseProducts&) = delete;
  virtual ~DenseProducts() = default;

  virtual void forward_async(cudaStream_t stream) const = 0;
  virtual void weight_gradient_async(cudaStream_t stream) const = 0;
  virtual void data_gradient_async(cudaStream_t stream) const = 0;
};

// What was chosen for each product, by the product's name and shape ("forward 32x12x128" → the library's own
// description of an algorithm, without spaces, commas or semicolons).
using ProductChoices = std::map<std::string, std::string>;

// A library that plans products.
class ProductLibrary {
 public:
  ProductLibrary() = default;
  ProductLibrary(const ProductLibrary&) = delete;
  ProductLibrary& operator=(const ProductLibrary&) = delete;
  virtual ~ProductLibrary() = default;

  // "cublaslt" or "cudnn", and the library's version.
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string version() const = 0;

  // Throws DeviceError where the library has no algorithm that is allowed.
  // Plans on `stream`, with the algorithms in `choices` where they can be used, and adds to it what it chose
  // otherwise. The arrays outlive the products, the library too.
  [[nodiscard]] virtual std::unique_ptr<DenseProducts> plan(const DenseShape& shape,
                                                            const DenseArrays& arrays,
                                                            ProductChoices& choices, cudaStream_t stream) = 0;
};

}  // namespace millrace::cuda
