// Adam of VectorKernels. Included by vector_kernels_body.h, inside its namespace.

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
