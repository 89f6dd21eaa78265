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

// Root and quotient from 14-bit estimates, each with one Newton step: within 2 units in the last place, at
// half the time of the exact instructions.
void adam(const AdamConstants& c, const AdamArrays& a, std::size_t count) {
  const FlushDenormals flush;
  const __m512 one_minus_beta1 = _mm512_set1_ps(c.one_minus_beta1);
  const __m512 one_minus_beta2 = _mm512_set1_ps(c.one_minus_beta2);
  const __m512 step_size = _mm512_set1_ps(c.step_size);
  const __m512 epsilon = _mm512_set1_ps(c.epsilon);
  const __m512 smallest = _mm512_set1_ps(__FLT_MIN__);  // keeps the reciprocal root of 0 finite
  const __m512 half = _mm512_set1_ps(0.5F);
  const __m512 three_halves = _mm512_set1_ps(1.5F);
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

    const __m512 square = _mm512_max_ps(v, smallest);
    __m512 inverse_root = _mm512_rsqrt14_ps(square);
    const __m512 root_error = _mm512_mul_ps(_mm512_mul_ps(square, inverse_root), inverse_root);
    inverse_root = _mm512_mul_ps(inverse_root, _mm512_fnmadd_ps(root_error, half, three_halves));
    const __m512 divisor = _mm512_fmadd_ps(square, inverse_root, epsilon);
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

void scale_row(const float* __restrict x, const double* __restrict substitute, const double* __restrict shift,
               const double* __restrict factor, std::size_t features, float* __restrict out,
               std::size_t stride) {
  for (std::size_t f = 0; f < features; ++f) {
    const double value = x[f] == x[f] ? static_cast<double>(x[f]) : substitute[f];
    out[f * stride] = static_cast<float>((value - shift[f]) * factor[f]);
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
                                          scale_row};

}  // namespace MILLRACE_KERNELS
}  // namespace millrace
