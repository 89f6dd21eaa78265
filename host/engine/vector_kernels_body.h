// The loops behind VectorKernels. Included by exactly one source per instruction set, which names its
// namespace (MILLRACE_KERNELS) first and is compiled with that set's flags.
//
// Nothing of the standard library is instantiated here: an inline function compiled for AVX-512 could be the
// copy that the linker keeps for the whole program. Loops are written so that the compiler vectorises them;
// only Adam has a form of its own where AVX-512 gives estimates of reciprocals.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "engine/blocked.h"
#include "engine/vector_kernels.h"

namespace millrace {
namespace MILLRACE_KERNELS {
namespace {

// In this order: the others use vectors.
// clang-format off
#include "engine/vectors_body.h"
#include "engine/product_kernels_body.h"
#include "engine/panel_kernels_body.h"
#include "engine/adam_body.h"
// clang-format on

std::uint32_t largest_magnitude(const float* values, std::size_t count) {
  // As integers: magnitudes of floats order like their bits, and NaNs lie above infinity.
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    bits &= 0x7FFFFFFFU;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

void add(const float* __restrict more, std::size_t count, float* __restrict sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += more[i];
}

void gather_rows(const RowScaling& scaling, const float* values, const std::uint32_t* rows, std::size_t count,
                 float* __restrict panel) {
  const std::size_t features = scaling.features;
  for (std::size_t f = 0; f < features; ++f, panel += kBlock) {
    float x[kBlock] = {};
    for (std::size_t r = 0; r < count; ++r) x[r] = values[rows[r] * features + f];
    const double substitute = scaling.substitute[f], shift = scaling.shift[f], factor = scaling.factor[f];
    for (std::size_t r = 0; r < kBlock; ++r) {
      const double value = x[r] == x[r] ? static_cast<double>(x[r]) : substitute;
      panel[r] = static_cast<float>((value - shift) * factor);
    }
    for (std::size_t r = count; r < kBlock; ++r) panel[r] = 0.0F;
  }
}

// e^x for x in [-87, 0]: 2^n · e^r, where r is at most half of ln 2 and n is read off the mantissa of a sum.
inline float exp_of_negative(float x) {
  constexpr float kRound = 0x1.8p23F;
  const float shifted = x * 0x1.715476p0F + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0x1.62e4p-1F) - n * 0x1.7f7d1cp-20F;
  float p = 0x1.a01a02p-13F;  // 1/7! and so on
  p = p * r + 0x1.6c16c2p-10F;
  p = p * r + 0x1.111112p-7F;
  p = p * r + 0x1.555556p-5F;
  p = p * r + 0x1.555556p-3F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  std::uint32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + 0x3F800000U;  // 2^n
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

// log(1 + e) for e in [0, 1], by the series of 2·artanh(e / (2 + e)).
inline float log_of_one_plus(float e) {
  const float s = e / (2.0F + e);
  const float square = s * s;
  float p = 2.0F / 17.0F;
  p = p * square + 2.0F / 15.0F;
  p = p * square + 2.0F / 13.0F;
  p = p * square + 2.0F / 11.0F;
  p = p * square + 2.0F / 9.0F;
  p = p * square + 2.0F / 7.0F;
  p = p * square + 2.0F / 5.0F;
  p = p * square + 2.0F / 3.0F;
  return (p * square) * s + 2.0F * s;
}

void logistic_loss(const float* __restrict logits, const float* __restrict labels, std::size_t count,
                   float* __restrict losses, float* __restrict slopes) {
  constexpr float kFarOut = -87.0F;  // e^x is no normal number below
  for (std::size_t i = 0; i < count; ++i) {
    const float z = logits[i];
    const float x = z < 0.0F ? z : -z;
    const float near = exp_of_negative(x < kFarOut ? kFarOut : x);
    const float e = x < kFarOut ? 0.0F : near;
    losses[i] = (z > 0.0F ? z : 0.0F) - z * labels[i] + log_of_one_plus(e);
    slopes[i] = (z >= 0.0F ? 1.0F : e) / (1.0F + e) - labels[i];
  }
}

}  // namespace

extern const VectorKernels kKernels;
constinit const VectorKernels kKernels = {MILLRACE_KERNELS_NAME,
                                          dense,
                                          data_gradient,
                                          weight_gradient,
                                          bias_gradient,
                                          transpose,
                                          join_relu,
                                          join_masked,
                                          logits,
                                          logits_data_gradient,
                                          logits_weight_gradient,
                                          adam,
                                          largest_magnitude,
                                          add,
                                          gather_rows,
                                          logistic_loss,
#ifdef MILLRACE_BF16
                                          to_bf16,
                                          to_bf16_pairs
#else
                                          nullptr,
                                          nullptr
#endif
};

}  // namespace MILLRACE_KERNELS
}  // namespace millrace
