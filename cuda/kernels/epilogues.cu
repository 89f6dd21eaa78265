// y = max(x + b, 0);  dx = dx·[x > 0];  db[k] = Σ rows dy[row][k]

#include <cstddef>

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/quad.h"
#include "cuda/device/warp.h"
#include "cuda/gemm/dense_products.h"
#include "cuda/kernels/epilogues.h"

namespace millrace::cuda {

// A block per row, a warp per 128 columns of it: a warp's 32 quads are four words of the mask.
constexpr unsigned kEpilogueThreads = 128;
constexpr unsigned kMaskQuads = 8;  // of one word

// The word of the mask that this quad's bits belong to, complete in every lane: lanes come in groups of
// kMaskQuads.
__device__ unsigned mask_word(unsigned bits) {
  unsigned word = bits << 4 * (lane_index() % kMaskQuads);
  for (unsigned distance = kMaskQuads / 2; distance > 0; distance /= 2) word |= shuffle_xor(word, distance);
  return word;
}

__device__ float relu(float x) { return x > 0.0F ? x : 0.0F; }

// A thread takes a quad, the block strides over its row. Bound by memory. Deterministic: every element is one
// thread's.
//
// traffic: 2·element·columns + columns/8 B/row, 2·columns FLOP/row
template <class T>
__global__ void MILLRACE_LAUNCH_BOUNDS(kEpilogueThreads)
    bias_relu(RowsShape shape, std::uint32_t mask_columns, T* values, const T* bias, std::uint32_t* mask) {
  const std::size_t row = block_index().x;
  for (std::uint32_t k = 4 * thread_index().x; k < mask_columns; k += 4 * kEpilogueThreads) {
    unsigned bits = 0;
    if (k < shape.width) {
      T* at = values + row * shape.width + k;
      const float4 x = read_quad(at);
      const float4 b = load_quad(bias + k);
      const float4 y = {relu(x.x + b.x), relu(x.y + b.y), relu(x.z + b.z), relu(x.w + b.w)};
      store_quad(at, y);
      bits =
          (y.x > 0.0F ? 1U : 0U) | (y.y > 0.0F ? 2U : 0U) | (y.z > 0.0F ? 4U : 0U) | (y.w > 0.0F ? 8U : 0U);
    }
    const unsigned word = mask_word(bits);
    if (mask != nullptr && lane_index() % kMaskQuads == 0) mask[(row * mask_columns + k) / 32] = word;
  }
}

// As above. Bound by memory.
//
// traffic: 2·element·columns + columns/8 B/row, 0 FLOP/row
template <class T>
__global__ void MILLRACE_LAUNCH_BOUNDS(kEpilogueThreads)
    apply_mask(RowsShape shape, std::uint32_t mask_columns, T* values, const std::uint32_t* mask) {
  const std::size_t row = block_index().x;
  for (std::uint32_t k = 4 * thread_index().x; k < shape.width; k += 4 * kEpilogueThreads) {
    const unsigned bits = ldg(mask + (row * mask_columns + k) / 32) >> k % 32;
    T* at = values + row * shape.width + k;
    const float4 x = read_quad(at);
    store_quad(at, {(bits & 1U) != 0 ? x.x : 0.0F, (bits & 2U) != 0 ? x.y : 0.0F,
                    (bits & 4U) != 0 ? x.z : 0.0F, (bits & 8U) != 0 ? x.w : 0.0F});
  }
}

constexpr unsigned kSumWarps = 8;

struct WarpColumns {
  float4 of[kSumWarps][kWarpSize];
};

// A block per 128 columns: a warp adds up every eighth row, a quad per lane; then the first warp adds the
// warps' sums in their order. Few blocks, long columns: bound by latency, and only where no algorithm is
// fused. Deterministic: fixed order.
//
// traffic: element·columns B/row, columns FLOP/row
template <class T>
__global__ void MILLRACE_LAUNCH_BOUNDS(kSumWarps* kWarpSize)
    column_sums(RowsShape shape, const T* values, float* sums) {
  auto& shares = block_shared<WarpColumns>();
  const unsigned warp = thread_index().x / kWarpSize;
  const std::uint32_t k = 4 * (block_index().x * kWarpSize + lane_index());
  float4 sum = {0.0F, 0.0F, 0.0F, 0.0F};
  if (k < shape.width) {
    for (std::uint32_t row = warp; row < shape.rows; row += kSumWarps) {
      const float4 x = load_quad(values + std::size_t{row} * shape.width + k);
      sum = {sum.x + x.x, sum.y + x.y, sum.z + x.z, sum.w + x.w};
    }
  }
  shares.of[warp][lane_index()] = sum;
  block_barrier();
  if (warp != 0 || k >= shape.width) return;
  for (unsigned w = 1; w < kSumWarps; ++w) {
    const float4 more = shares.of[w][lane_index()];
    sum = {sum.x + more.x, sum.y + more.y, sum.z + more.z, sum.w + more.w};
  }
  store_quad(sums + k, sum);
}

template <class T>
void bias_relu_async(const RowsShape& shape, T* values, const T* bias, std::uint32_t* mask,
                     cudaStream_t stream) {
  launch<bias_relu<T>>({.grid = shape.rows, .block = kEpilogueThreads}, stream, shape, mask_bits(shape.width),
                       values, bias, mask);
}

template <class T>
void mask_async(const RowsShape& shape, T* values, const std::uint32_t* mask, cudaStream_t stream) {
  launch<apply_mask<T>>({.grid = shape.rows, .block = kEpilogueThreads}, stream, shape,
                        mask_bits(shape.width), values, mask);
}

template <class T>
void column_sums_async(const RowsShape& shape, const T* values, float* sums, cudaStream_t stream) {
  launch<column_sums<T>>(
      {.grid = (shape.width / 4 + kWarpSize - 1) / kWarpSize, .block = kSumWarps * kWarpSize}, stream, shape,
      values, sums);
}

template void bias_relu_async(const RowsShape&, float*, const float*, std::uint32_t*, cudaStream_t);
template void bias_relu_async(const RowsShape&, Bfloat16*, const Bfloat16*, std::uint32_t*, cudaStream_t);
template void mask_async(const RowsShape&, float*, const std::uint32_t*, cudaStream_t);
template void mask_async(const RowsShape&, Bfloat16*, const std::uint32_t*, cudaStream_t);
template void column_sums_async(const RowsShape&, const float*, float*, cudaStream_t);
template void column_sums_async(const RowsShape&, const Bfloat16*, float*, cudaStream_t);

}  // namespace millrace::cuda
