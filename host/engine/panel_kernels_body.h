// What VectorKernels does with panels besides the products. Included by vector_kernels_body.h, inside its
// namespace.

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
