// The products of VectorKernels. Included by vector_kernels_body.h, inside its namespace.
//
// A tile of kTileRows × (kVectors · kLanes) sums stays in registers; each step loads kVectors vectors of the
// one matrix and multiplies them with kTileRows single numbers of the other. They run against the processor's
// multiply-adds: 16 of them stand beside 10 loads in AVX-512.

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

// Where the next of a tile's rows finds its number: beside the last one, or a row of the block below it.
enum class Walk { across, down };

template <int kRows, int kVectors>
using Tile = Vector[kRows][kVectors];

// sums[i][…] += a(i, t) · b[t][…] for t in [0, steps).
template <Walk kWalk, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_add(Tile<kRows, kVectors>& sums, const float* a, const float* b,
                                                std::size_t steps) {
  constexpr std::size_t kNextRow = kWalk == Walk::across ? 1 : kRow / kNumbers;
  constexpr std::size_t kNextStep = kWalk == Walk::across ? kRow : 1;
  for (std::size_t t = 0; t < steps; ++t, a += kNextStep, b += kRow) {
    Vector right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) right[v] = load(b + v * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vector left = spread_bits(a + static_cast<std::size_t>(i) * kNextRow);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[i][v] = plus_product(sums[i][v], left, right[v]);
    }
  }
}

// Calls tile.template operator()<rows>(first row) for all `rows`, kTileRows at a time and then the rest.
template <class Work, int kRest = kTileRows - 1>
[[gnu::always_inline]] inline void rest_of_rows(std::size_t rest, std::size_t at, const Work& work) {
  if constexpr (kRest > 0) {
    if (rest == kRest) return work.template operator()<kRest>(at);
    rest_of_rows<Work, kRest - 1>(rest, at, work);
  }
}

template <class Work>
[[gnu::always_inline]] inline void in_tiles(std::size_t rows, const Work& work) {
  std::size_t at = 0;
  for (; at + kTileRows <= rows; at += kTileRows) work.template operator()<kTileRows>(at);
  rest_of_rows(rows - at, at, work);
}

template <int kVectors>
void dense_lanes(const DenseBlock& block, std::size_t lane) {
  const DenseBlock d = block;  // what is stored is not in it
  in_tiles(
      d.outputs, [&]<int kRows>(std::size_t o) __attribute__((always_inline)) {
        Tile<kRows, kVectors> sums;
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) {
            sums[i][v] = d.bias != nullptr ? spread(d.bias[o + static_cast<std::size_t>(i)]) : Vector{};
          }
        }
        multiply_add<Walk::across, kRows, kVectors>(sums, d.w + o, d.x + lane, in_steps(d.inputs));
        float* y = d.y + o * kRow + lane;
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) {
            store(y + i * static_cast<int>(kRow) + v * kLanes, d.relu ? relu_of(sums[i][v]) : sums[i][v]);
          }
        }
      });
}

template <int kVectors>
void data_gradient_lanes(const DataGradientBlock& block, std::size_t lane) {
  const DataGradientBlock d = block;
  in_tiles(
      d.inputs, [&]<int kRows>(std::size_t k) __attribute__((always_inline)) {
        Tile<kRows, kVectors> sums = {};
        const float* w = d.w + k * kRow / kNumbers;
        const float* dy = d.dy + lane;
        std::size_t rest = d.outputs;
        for (; rest >= kBlock; rest -= kBlock, w += d.w_block, dy += kBlock * kRow / kNumbers) {
          multiply_add<Walk::down, kRows, kVectors>(sums, w, dy, kBlock / kNumbers);
        }
        multiply_add<Walk::down, kRows, kVectors>(sums, w, dy, in_steps(rest));
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) {
            const std::size_t at =
                (k + static_cast<std::size_t>(i)) * kRow + lane + static_cast<std::size_t>(v * kLanes);
            store(d.dx + at, d.relu != nullptr ? masked(sums[i][v], load(d.relu + at)) : sums[i][v]);
          }
        }
      });
}

template <int kVectors>
void weight_gradient_lanes(const WeightGradientBlock& block, std::size_t lane) {
  const WeightGradientBlock d = block;
  in_tiles(
      d.inputs, [&]<int kRows>(std::size_t k) __attribute__((always_inline)) {
        Tile<kRows, kVectors> sums = {};
        const float* x = d.x + k * kRow / kNumbers;
        const float* dy = d.dy + lane;
        std::size_t rest = d.rows;
        for (; rest > kBlock; rest -= kBlock, x += d.x_panel, dy += d.dy_panel) {
          multiply_add<Walk::down, kRows, kVectors>(sums, x, dy, kBlock / kNumbers);
        }
        multiply_add<Walk::down, kRows, kVectors>(sums, x, dy, in_steps(rest));
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; ++v) {
            float* to = d.dw + (k + static_cast<std::size_t>(i)) * kRow + lane + v * kLanes;
            store(to, d.add ? load(to) + sums[i][v] : sums[i][v]);
          }
        }
      });
}

// Two vectors at a time; one where they would be wider than `lanes`.
#define MILLRACE_FOR_LANES(kernel, block, lanes)                         \
  constexpr std::size_t kTwo = 2 * kLanes;                               \
  std::size_t lane = 0;                                                  \
  for (; lane + kTwo <= (lanes); lane += kTwo) kernel<2>((block), lane); \
  if (lane < (lanes)) kernel<1>((block), lane)

void dense(const DenseBlock& block, std::size_t lanes) { MILLRACE_FOR_LANES(dense_lanes, block, lanes); }
void data_gradient(const DataGradientBlock& block, std::size_t lanes) {
  MILLRACE_FOR_LANES(data_gradient_lanes, block, lanes);
}
void weight_gradient(const WeightGradientBlock& block) {
  for (std::size_t lane = 0; lane < kBlock; lane += 2 * kLanes) weight_gradient_lanes<2>(block, lane);
}
#undef MILLRACE_FOR_LANES

// Four chains of additions, which would wait for each other in one.
void bias_gradient(const WeightGradientBlock& d) {
  for (std::size_t lane = 0; lane < kBlock; lane += kLanes) {
    Vector sum = d.add ? load(d.dw + lane) : Vector{};
    const float* dy = d.dy + lane;
    for (std::size_t rest = d.rows; rest > 0; dy += d.dy_panel) {
      const std::size_t rows = rest < kBlock ? rest : kBlock;
      Vector chains[4] = {};
      std::size_t r = 0;
      for (; r + 4 <= rows; r += 4) {
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) chains[i] += load(dy + (r + i) * kRow);
      }
      for (; r < rows; ++r) chains[0] += load(dy + r * kRow);
      sum += (chains[0] + chains[1]) + (chains[2] + chains[3]);
      rest -= rows;
    }
    store(d.dw + lane, sum);
  }
}

// a0 b0 a1 b1 …, of the first halves of both, or of the second ones.
template <bool kSecond, std::size_t... kAt>
[[gnu::always_inline]] inline Vector interleaved(Vector a, Vector b, std::index_sequence<kAt...>) {
  return __builtin_shufflevector(a, b, (kAt / 2 + (kSecond ? kLanes / 2 : 0) + (kAt % 2 ? kLanes : 0))...);
}

// A square of kLanes: each round interleaves row i with row i + kLanes / 2; the last one has them transposed.
[[gnu::always_inline]] inline void transpose_square(Vector (&rows)[kLanes]) {
  using Lanes = std::make_index_sequence<kLanes>;
#pragma GCC unroll 4
  for (int round = 1; round < kLanes; round *= 2) {
    Vector next[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = interleaved<false>(rows[i], rows[i + kLanes / 2], Lanes{});
      next[2 * i + 1] = interleaved<true>(rows[i], rows[i + kLanes / 2], Lanes{});
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) rows[i] = next[i];
  }
}

void transpose(const float* from, float* to) {
  for (std::size_t r = 0; r < kBlock; r += kLanes) {
    for (std::size_t c = 0; c < kBlock; c += kLanes) {
      Vector rows[kLanes];
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kLanes; ++i) rows[i] = load(from + (r + i) * kRow + c);
      transpose_square(rows);
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kLanes; ++i) store(to + (c + i) * kRow + r, rows[i]);
    }
  }
}

inline Vector sum_of(const float* const* parts, std::size_t count, std::size_t at) {
  Vector sum = load(parts[0] + at);
  for (std::size_t part = 1; part < count; ++part) sum += load(parts[part] + at);
  return sum;
}

void join_relu(const float* const* parts, std::size_t part_count, std::size_t begin, std::size_t end,
               float* y) {
  for (std::size_t i = begin; i < end; i += kLanes) store(y + i, relu_of(sum_of(parts, part_count, i)));
}

void join_masked(const float* const* parts, std::size_t part_count, const float* relu, std::size_t begin,
                 std::size_t end, float* dx) {
  for (std::size_t i = begin; i < end; i += kLanes) {
    store(dx + i, masked(sum_of(parts, part_count, i), load(relu + i)));
  }
}

void logits(const float* x, std::size_t inputs, const float* w, float bias, float* out) {
  for (std::size_t lane = 0; lane < kBlock; lane += kLanes) {
    Vector chains[4] = {spread(bias)};
    std::size_t k = 0;
    for (; k + 4 <= inputs; k += 4) {
#pragma GCC unroll 4
      for (std::size_t i = 0; i < 4; ++i) chains[i] += spread(w[k + i]) * load(x + (k + i) * kRow + lane);
    }
    for (; k < inputs; ++k) chains[0] += spread(w[k]) * load(x + k * kRow + lane);
    store(out + lane, (chains[0] + chains[1]) + (chains[2] + chains[3]));
  }
}

void logits_data_gradient(const float* dz, const float* w, std::size_t inputs, const float* relu, float* dx) {
  for (std::size_t k = 0; k < inputs; ++k, relu += kRow, dx += kRow) {
    const Vector factor = spread(w[k]);
#pragma GCC unroll 8
    for (std::size_t lane = 0; lane < kBlock; lane += kLanes) {
      store(dx + lane, masked(factor * load(dz + lane), load(relu + lane)));
    }
  }
}

// Of kLanes inputs at a time: transposed, their sums over the lanes are one sum of vectors.
void logits_weight_gradient(const float* x, std::size_t inputs, const float* dz, std::size_t lanes, bool add,
                            float* dw) {
  for (std::size_t k = 0; k < inputs; k += kLanes, x += kLanes * kRow) {
    const std::size_t rest = inputs - k < kLanes ? inputs - k : kLanes;
    Vector products[kLanes] = {};
    for (std::size_t i = 0; i < rest; ++i) {
      for (std::size_t lane = 0; lane < lanes; lane += kLanes) {
        products[i] += load(x + i * kRow + lane) * load(dz + lane);
      }
    }
    transpose_square(products);
    Vector sum = {};
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) sum += products[i];
    float sums[kLanes];
    store(sums, sum);
    for (std::size_t i = 0; i < rest; ++i) dw[k + i] = add ? dw[k + i] + sums[i] : sums[i];
  }
}

#ifdef MILLRACE_BF16
typedef short Halves __attribute__((vector_size(kLanes * 4)));

template <std::size_t... kAt>
[[gnu::always_inline]] inline Halves halves_in_turns(Halves halves, std::index_sequence<kAt...>) {
  return __builtin_shufflevector(halves, halves, (kAt / 2 + (kAt % 2 ? kLanes : 0))...);
}

void to_bf16(const float* from, std::size_t rows, float* to) {
  for (std::size_t r = 0; r < rows; ++r, from += kRow, to += kRow / 2) {
    _mm512_storeu_ps(to, (__m512)_mm512_cvtne2ps_pbh((__m512)load(from + kLanes), (__m512)load(from)));
  }
}

void to_bf16_pairs(const float* from, std::size_t rows, float* to) {
  using Lanes16 = std::make_index_sequence<2 * kLanes>;
  for (std::size_t r = 0; r < rows; r += 2, from += 2 * kRow, to += kRow) {
    for (std::size_t lane = 0; lane < kBlock; lane += kLanes) {
      const Vector second = r + 1 < rows ? load(from + kRow + lane) : Vector{};
      const auto halves = (Halves)_mm512_cvtne2ps_pbh((__m512)second, (__m512)load(from + lane));
      store(to + lane, (Vector)halves_in_turns(halves, Lanes16{}));
    }
  }
}
#endif
