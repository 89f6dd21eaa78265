// The mathematics of one cublasLtMatmul call, in plain loops over host memory:
//
//   d = epilogue(alpha · op(a) · op(b) + beta · c),   op(a) [m, k], op(b) [k, n], all column-major
//
// Sums over k are fused multiply-adds in float, one after the other, in the order that `summation` says.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::emulated {

enum class ElementType { float32, bfloat16 };

[[nodiscard]] constexpr std::size_t bytes_of(ElementType type) {
  return type == ElementType::float32 ? 4 : 2;
}

struct Matrix {
  ElementType type = ElementType::float32;
  std::size_t rows = 0;  // as stored, before any transposition
  std::size_t columns = 0;
  std::size_t leading = 0;  // elements from column to column
};

enum class Summation {
  halves,      // the first half of k and the second, kept as floats in the workspace, then added
  sequential,  // k ascending
  in_place,    // halves; each partial sum is rounded to d's type
  interleaved  // even k ascending, then odd k
};

struct Product {
  Matrix a, b, c, d;
  bool transpose_a = false;
  bool transpose_b = false;
  bool tf32 = false;  // operands are rounded to 10 bits of mantissa
  std::size_t m = 0, n = 0, k = 0;
  Summation summation = Summation::sequential;

  // The epilogue, in this order. Masks hold bit i of column j at bit j * mask_leading + i.
  bool adds_bias = false;    // bias [m]
  bool relu = false;         // max(x, 0)
  bool writes_mask = false;  // where x > 0 before the ReLU
  bool reads_mask = false;   // 0 where the bit is not set
  enum class BiasGradient { none, of_a, of_b, of_d } bias_gradient = BiasGradient::none;  // [m], [n], [m]
  std::size_t mask_leading = 0;

  float alpha = 1;
  float beta = 0;  // 0: c is not read
  const void* a_data = nullptr;
  const void* b_data = nullptr;
  const void* c_data = nullptr;
  void* d_data = nullptr;
  void* bias = nullptr;  // read, or written by a bias gradient; d's type
  std::uint8_t* mask = nullptr;
  float* workspace = nullptr;  // halves: [2, n, m]
};

void compute(const Product& product);

}  // namespace millrace::emulated
