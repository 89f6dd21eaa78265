// Vectors of the instruction set that a source is compiled for. Included by vector_kernels_body.h, inside its
// namespace.

#ifdef __AVX512F__
constexpr int kLanes = 16;
constexpr int kTileRows = 8;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kTileRows = 6;
#else
constexpr int kLanes = 4;
constexpr int kTileRows = 6;
#endif
constexpr std::size_t kRow = kBlock;  // from one row of a block to the next
#ifdef MILLRACE_BF16
constexpr std::size_t kNumbers = 2;  // in 32 bits of what products multiply
#else
constexpr std::size_t kNumbers = 1;
#endif

typedef float Vector __attribute__((vector_size(kLanes * 4)));
typedef float UnalignedVector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }
inline void store(float* to, Vector value) { *reinterpret_cast<UnalignedVector*>(to) = value; }
inline Vector spread(float value) { return value - Vector{}; }
inline std::size_t in_steps(std::size_t numbers) { return (numbers + kNumbers - 1) / kNumbers; }

#ifdef MILLRACE_BF16
// Pairs of bfloat16 in every lane: sums + left[0]·right[0] + left[1]·right[1].
inline Vector spread_bits(const float* from) { return (Vector)_mm512_set1_ps(*from); }
inline Vector plus_product(Vector sums, Vector left, Vector right) {
  return (Vector)_mm512_dpbf16_ps((__m512)sums, (__m512bh)left, (__m512bh)right);
}
#else
inline Vector spread_bits(const float* from) { return spread(*from); }
inline Vector plus_product(Vector sums, Vector left, Vector right) { return sums + left * right; }
#endif

// Keeps a NaN, which compares as neither.
inline Vector relu_of(Vector value) { return value < Vector{} ? Vector{} : value; }
inline Vector masked(Vector value, Vector relu) { return relu > Vector{} ? value : Vector{}; }
