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

// Moments of parameters that get no gradient any more decay into denormal numbers, which some processors
// handle a hundred times slower. Inside Adam they count as zero.
class FlushDenormals {
 public:
#ifdef __SSE2__
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  static constexpr unsigned kFlushToZero = 0x8000;
  static constexpr unsigned kDenormalsAreZero = 0x0040;
  unsigned saved_;
#else
  FlushDenormals() = default;
#endif

 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

void adam_plain(const AdamConstants& c, const AdamArrays& a, std::size_t begin, std::size_t count) {
  float* __restrict parameters = a.parameters;
  float* __restrict first = a.first_moment;
  float* __restrict second = a.second_moment;
  const float* __restrict gradient = a.gradient;
  for (std::size_t i = begin; i < count; ++i) {
    const float g = gradient[i];
    const float m = first[i] + (g - first[i]) * c.one_minus_beta1;
    const float v = second[i] + (g * g - second[i]) * c.one_minus_beta2;
    first[i] = m;
    second[i] = v;
    parameters[i] -= c.step_size * m / (__builtin_sqrtf(v) + c.epsilon);
  }
}

#ifdef __AVX512F__

// The root is exact; the quotient is from a 14-bit estimate of the reciprocal and one Newton step: within 2
// units in the last place. The unit that takes roots works beside those that multiply, so that this is faster
// than to estimate both.
void adam(const AdamConstants& c, const AdamArrays& a, std::size_t count) {
  const FlushDenormals flush;
  const __m512 one_minus_beta1 = _mm512_set1_ps(c.one_minus_beta1);
  const __m512 one_minus_beta2 = _mm512_set1_ps(c.one_minus_beta2);
  const __m512 step_size = _mm512_set1_ps(c.step_size);
  const __m512 epsilon = _mm512_set1_ps(c.epsilon);
  const __m512 two = _mm512_set1_ps(2.0F);
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512 g = _mm512_loadu_ps(a.gradient + i);
    __m512 m = _mm512_loadu_ps(a.first_moment + i);
    __m512 v = _mm512_loadu_ps(a.second_moment + i);
    m = _mm512_fmadd_ps(_mm512_sub_ps(g, m), one_minus_beta1, m);
    v = _mm512_fmadd_ps(_mm512_fmsub_ps(g, g, v), one_minus_beta2, v);
    _mm512_storeu_ps(a.first_moment + i, m);
    _mm512_storeu_ps(a.second_moment + i, v);

    const __m512 divisor = _mm512_add_ps(_mm512_sqrt_ps(v), epsilon);
    __m512 inverse = _mm512_rcp14_ps(divisor);
    inverse = _mm512_mul_ps(inverse, _mm512_fnmadd_ps(divisor, inverse, two));

    const __m512 w = _mm512_loadu_ps(a.parameters + i);
    _mm512_storeu_ps(a.parameters + i, _mm512_fnmadd_ps(_mm512_mul_ps(step_size, m), inverse, w));
  }
  adam_plain(c, a, i, count);
}

#else

void adam(const AdamConstants& c, const AdamArrays& a, std::size_t count) {
  const FlushDenormals flush;
  adam_plain(c, a, 0, count);
}

#endif

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

#include "engine/product_kernels_body.h"

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
