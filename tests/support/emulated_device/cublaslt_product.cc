#include "support/emulated_device/cublaslt_product.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

namespace millrace::emulated {
namespace {

bool is_finite(std::uint32_t bits) { return (bits & 0x7f800000U) != 0x7f800000U; }

// To the nearest with `dropped` bits less of mantissa; of two, the even one.
float rounded(float value, int dropped) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t half = (1U << (dropped - 1)) - 1;
  if (is_finite(bits)) bits += half + ((bits >> dropped) & 1U);
  const float result = std::bit_cast<float>(bits & ~((1U << dropped) - 1));
  return std::isnan(value) ? value : result;
}

constexpr int kDroppedByTf32 = 13;
constexpr int kDroppedByBfloat16 = 16;

float load(const void* data, std::size_t index, ElementType type) {
  const auto* at = static_cast<const std::byte*>(data) + index * bytes_of(type);
  if (type == ElementType::float32) {
    float value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::uint16_t upper;
  std::memcpy(&upper, at, sizeof upper);
  return std::bit_cast<float>(static_cast<std::uint32_t>(upper) << 16U);
}

float rounded_to(float value, ElementType type) {
  return type == ElementType::float32 ? value : rounded(value, kDroppedByBfloat16);
}

void store(void* data, std::size_t index, ElementType type, float value) {
  auto* at = static_cast<std::byte*>(data) + index * bytes_of(type);
  if (type == ElementType::float32) {
    std::memcpy(at, &value, sizeof value);
    return;
  }
  const auto upper = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(rounded_to(value, type)) >> 16U);
  std::memcpy(at, &upper, sizeof upper);
}

// The matrix as floats, [columns, rows], or transposed.
std::vector<float> unpacked(const Matrix& matrix, const void* data, bool transpose) {
  std::vector<float> result(matrix.rows * matrix.columns);
  for (std::size_t column = 0; column < matrix.columns; ++column) {
    for (std::size_t row = 0; row < matrix.rows; ++row) {
      result[transpose ? row * matrix.columns + column : column * matrix.rows + row] =
          load(data, column * matrix.leading + row, matrix.type);
    }
  }
  return result;
}

// sums [n, m] += op(a) [k, m] by op(b) [n, k], over the `order` of k.
[[gnu::always_inline]] inline void add_products(const Product& product, const float* a, const float* b,
                                                std::span<const std::size_t> order, float* sums) {
  for (std::size_t j = 0; j < product.n; ++j) {
    float* __restrict column = sums + j * product.m;
    for (const std::size_t step : order) {
      const float weight = b[j * product.k + step];
      const float* __restrict row = a + step * product.m;
      for (std::size_t i = 0; i < product.m; ++i) column[i] = std::fma(row[i], weight, column[i]);
    }
  }
}

void add_products_anywhere(const Product& product, const float* a, const float* b,
                           std::span<const std::size_t> order, float* sums) {
  add_products(product, a, b, order, sums);
}

#ifdef __x86_64__
// The same bits: fused multiply-adds are exact by definition, with an instruction or without.
[[gnu::target("avx2,fma")]] void add_products_fma(const Product& product, const float* a, const float* b,
                                                  std::span<const std::size_t> order, float* sums) {
  add_products(product, a, b, order, sums);
}
#endif

std::vector<float> partial_sums(const Product& product, const float* a, const float* b,
                                std::span<const std::size_t> order) {
  std::vector<float> sums(product.m * product.n);
#ifdef __x86_64__
  static const bool has_fma = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  if (has_fma) {
    add_products_fma(product, a, b, order, sums.data());
    return sums;
  }
#endif
  add_products_anywhere(product, a, b, order, sums.data());
  return sums;
}

std::vector<std::size_t> order_of(const Product& product) {
  std::vector<std::size_t> order;
  order.reserve(product.k);
  const std::size_t stride = product.summation == Summation::interleaved ? 2 : 1;
  for (std::size_t first = 0; first < stride; ++first) {
    for (std::size_t step = first; step < product.k; step += stride) order.push_back(step);
  }
  return order;
}

std::vector<float> sums_of(const Product& product, const float* a, const float* b) {
  const std::vector<std::size_t> order = order_of(product);
  const std::span<const std::size_t> all(order);
  if (product.summation == Summation::sequential || product.summation == Summation::interleaved) {
    return partial_sums(product, a, b, all);
  }
  const std::size_t half = (product.k + 1) / 2;
  std::vector<float> first = partial_sums(product, a, b, all.first(half));
  const std::vector<float> second = partial_sums(product, a, b, all.subspan(half));
  if (product.summation == Summation::halves) {
    std::memcpy(product.workspace, first.data(), first.size() * sizeof(float));
    std::memcpy(product.workspace + first.size(), second.data(), second.size() * sizeof(float));
    for (std::size_t i = 0; i < first.size(); ++i) first[i] += second[i];
  } else {
    for (std::size_t i = 0; i < first.size(); ++i) {
      first[i] = rounded_to(rounded_to(first[i], product.d.type) + second[i], product.d.type);
    }
  }
  return first;
}

void store_all(const Product& product, std::span<const float> bias_gradient) {
  for (std::size_t i = 0; i < bias_gradient.size(); ++i) {
    store(product.bias, i, product.d.type, bias_gradient[i]);
  }
}

bool mask_bit(const Product& product, std::size_t i, std::size_t j) {
  const std::size_t bit = j * product.mask_leading + i;
  return (product.mask[bit / 8] >> (bit % 8) & 1U) != 0;
}

void finish(const Product& product, std::vector<float>& values) {
  const std::size_t m = product.m;
  std::vector<float> bias(product.adds_bias ? m : 0);
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = load(product.bias, i, product.d.type);
  for (std::size_t j = 0; j < product.n; ++j) {
    std::vector<std::uint8_t> bits(product.writes_mask ? (m + 7) / 8 : 0);
    for (std::size_t i = 0; i < m; ++i) {
      float value = product.alpha * values[j * m + i];
      if (product.beta != 0) {
        value += product.beta * load(product.c_data, j * product.c.leading + i, product.c.type);
      }
      if (product.adds_bias) value += bias[i];
      if (product.writes_mask && value > 0) bits[i / 8] |= static_cast<std::uint8_t>(1U << (i % 8));
      if (product.relu) value = value > 0 ? value : 0;
      if (product.reads_mask && !mask_bit(product, i, j)) value = 0;
      values[j * m + i] = value;
    }
    for (std::size_t i = 0; i < m; ++i) {
      store(product.d_data, j * product.d.leading + i, product.d.type, values[j * m + i]);
    }
    if (product.writes_mask) {
      std::memcpy(product.mask + j * product.mask_leading / 8, bits.data(), bits.size());
    }
  }
}

}  // namespace

void compute(const Product& product) {
  std::vector<float> a = unpacked(product.a, product.a_data, product.transpose_a);  // [k, m]
  std::vector<float> b = unpacked(product.b, product.b_data, product.transpose_b);  // [n, k]
  std::vector<float> bias_gradient;
  if (product.bias_gradient == Product::BiasGradient::of_a) {
    bias_gradient.resize(product.m);
    for (std::size_t i = 0; i < a.size(); ++i) bias_gradient[i % product.m] += a[i];
  } else if (product.bias_gradient == Product::BiasGradient::of_b) {
    bias_gradient.resize(product.n);
    for (std::size_t i = 0; i < b.size(); ++i) bias_gradient[i / product.k] += b[i];
  }
  if (product.tf32) {
    for (float& value : a) value = rounded(value, kDroppedByTf32);
    for (float& value : b) value = rounded(value, kDroppedByTf32);
  }
  std::vector<float> values = sums_of(product, a.data(), b.data());
  finish(product, values);
  if (product.bias_gradient == Product::BiasGradient::of_d) {
    bias_gradient.resize(product.m);
    for (std::size_t i = 0; i < values.size(); ++i) bias_gradient[i % product.m] += values[i];
  }
  store_all(product, bias_gradient);
}

}  // namespace millrace::emulated
