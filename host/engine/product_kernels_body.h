// The products of VectorKernels. Included by vector_kernels_body.h, inside its namespace.
//
// A tile of kTileRows × (kVectors · kLanes) sums stays in registers; each step loads kVectors vectors of the
// one matrix and multiplies them with kTileRows single numbers of the other. They run against the processor's
// multiply-adds: 16 of them stand beside 10 loads in AVX-512.

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

// The next block of weights lies so far away that the processor does not guess it.
[[gnu::always_inline]] inline void fetch_ahead(const float* from, std::size_t floats) {
  constexpr std::size_t kLine = 16;
  for (std::size_t i = 0; i < floats; i += kLine) __builtin_prefetch(from + i);
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
          if (rest > kBlock) fetch_ahead(w + d.w_block, kRows * kRow / kNumbers);
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
