// What follows a matrix product where the library has no algorithm that fuses it. T is float or Bfloat16.
//
// Arrays are row-major without gaps, rows a multiple of four elements; masks have mask_bits(width) bits from
// row to row (gemm/dense_products.h), bit k of a row at bit k % 32 of its word k / 32.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>

namespace millrace::cuda {

struct RowsShape {
  std::uint32_t rows;
  std::uint32_t width;
};

// values = relu(values + bias); and the bits of what is above zero, where `mask` is not null.
template <class T>
void bias_relu_async(const RowsShape& shape, T* values, const T* bias, std::uint32_t* mask,
                     cudaStream_t stream);

// values = values where the mask has its bit, 0 elsewhere.
template <class T>
void mask_async(const RowsShape& shape, T* values, const std::uint32_t* mask, cudaStream_t stream);

// sums[k] = Σ rows values[row][k], in float32.
template <class T>
void column_sums_async(const RowsShape& shape, const T* values, float* sums, cudaStream_t stream);

}  // namespace millrace::cuda
