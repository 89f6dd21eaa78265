// z = activation·weights + bias
// loss(z, y) = max(z, 0) - z·y + log(1 + exp(-|z|)),  stable for any z
// g          = dloss/dz = (sigmoid(z) - y) / count
// dw[k]      = Σ rows g·activation[k],  db = Σ rows g,  dactivation[k] = g·weights[k] where activation[k] > 0
//
// Losses are float32 per row and double in sums. Blocks leave their shares of dw and db as parts, which the
// guard's kernel adds up (gradient_guard.cu): a sum over blocks is not known before they ended.

#include <cstddef>

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/device/quad.h"
#include "cuda/device/warp.h"
#include "cuda/kernels/loss_parts.h"
#include "cuda/kernels/output_layer.h"

namespace millrace::cuda {

// A warp per row at a time, and few rows per block: small batches are the common ones, and spread over the
// device so.
constexpr unsigned kOutputWarps = 8;
constexpr unsigned kOutputThreads = kOutputWarps * kWarpSize;
// What a warp takes of a row at a time.
constexpr unsigned kChunk = 4 * kWarpSize;

struct RowLoss {
  float logit;
  float loss;
  float gradient;  // by the logit, not yet divided by the rows
  bool correct;
};

__device__ RowLoss loss_of(float z, float y) {
  const float e = exp(z < 0.0F ? z : -z);
  return {.logit = z,
          .loss = (z > 0.0F ? z : 0.0F) - z * y + log1p(e),
          .gradient = (z >= 0.0F ? 1.0F : e) / (1.0F + e) - y,
          .correct = (z >= 0.0F) == (y >= 0.5F)};
}

// Valid in every lane: the lanes' sums meet in a fixed tree.
template <class T>
__device__ float logit_of(const OutputLayer<T>& layer, std::size_t row) {
  const T* activation = layer.activation + row * layer.columns;
  float sum = 0;
  for (std::uint32_t k = 4 * lane_index(); k < layer.columns; k += kChunk) {
    const float4 a = load_quad(activation + k);
    const float4 w = load_quad(layer.weights + k);
    sum = fma(a.x, w.x, fma(a.y, w.y, fma(a.z, w.z, fma(a.w, w.w, sum))));
  }
  return warp_sum(sum) + static_cast<float>(*layer.bias);
}

// The rows of a block: whole warps' rounds of them.
constexpr std::uint32_t rows_per_block(std::uint32_t capacity) {
  const std::uint32_t rounds =
      (capacity + kOutputWarps * kMostLossParts - 1) / (kOutputWarps * kMostLossParts);
  return rounds * kOutputWarps;
}

struct WarpLosses {
  double loss[kOutputWarps];
  unsigned correct[kOutputWarps];
};

// Thread 0 adds the warps' losses up, in their order.
__device__ void leave_losses(double loss, unsigned correct, LossPart* losses) {
  auto& warps = block_shared<WarpLosses>();
  const unsigned warp = thread_index().x / kWarpSize;
  if (lane_index() == 0) {
    warps.loss[warp] = loss;
    warps.correct[warp] = correct;
  }
  block_barrier();
  if (thread_index().x != 0) return;
  LossPart part = {0.0, 0};
  for (unsigned w = 0; w < kOutputWarps; ++w) {
    part.loss += warps.loss[w];
    part.correct += warps.correct[w];
  }
  losses[block_index().x] = part;
}

// The gradients by the logit of a block's rows; each is written and read by one warp.
struct RowGradients {
  float of[4096];
};

// The share of each warp in the gradient of one chunk of weights.
struct WarpGradients {
  float4 of[kOutputWarps][kWarpSize];
};

__device__ float4 add_scaled(float4 sum, float factor, float4 values) {
  return {fma(factor, values.x, sum.x), fma(factor, values.y, sum.y), fma(factor, values.z, sum.z),
          fma(factor, values.w, sum.w)};
}

__device__ float4 through_relu(float gradient, float4 weights, float4 activation) {
  return {
      activation.x > 0.0F ? gradient * weights.x : 0.0F, activation.y > 0.0F ? gradient * weights.y : 0.0F,
      activation.z > 0.0F ? gradient * weights.z : 0.0F, activation.w > 0.0F ? gradient * weights.w : 0.0F};
}

// A warp takes every eighth row of its block: first the logits and what follows from them, then, chunk by
// chunk of the columns, its share of dw and the rows' gradients by the activation. The warps' shares are
// added in their order. The second look at a row finds it in the cache. Bound by memory, and by latency where
// the batch is small. Deterministic: every sum has a fixed order, which depends on the capacity alone.
//
// traffic: 2·element·columns + 8 B/row, 6·columns FLOP/row
template <class T>
__global__ void MILLRACE_LAUNCH_BOUNDS(kOutputThreads)
    train_output(OutputLayer<T> layer, OutputGradients<T> gradients, LossPart* losses,
                 std::uint32_t block_rows, const StepState* state) {
  auto& row_gradients = block_shared<RowGradients>();
  auto& shares = block_shared<WarpGradients>();
  const unsigned warp = thread_index().x / kWarpSize;
  const unsigned lane = lane_index();
  const std::uint32_t first_row = block_index().x * block_rows;
  const std::uint32_t count = state->count;
  const float share = 1.0F / static_cast<float>(count > 0 ? count : 1);

  double loss = 0;
  unsigned correct = 0;
  float bias_gradient = 0;
  for (std::uint32_t r = warp; r < block_rows; r += kOutputWarps) {
    const std::uint32_t row = first_row + r;
    float gradient = 0;
    if (row < count) {
      const RowLoss outcome = loss_of(logit_of(layer, row), ldg(layer.labels + row));
      gradient = outcome.gradient * share;
      loss += static_cast<double>(outcome.loss);
      correct += outcome.correct ? 1 : 0;
      bias_gradient += gradient;
    }
    if (lane == 0) row_gradients.of[r] = gradient;
  }
  warp_barrier();

  float* part = gradients.parts + std::size_t{block_index().x} * (layer.columns + 4);
  for (std::uint32_t chunk = 0; chunk < layer.columns; chunk += kChunk) {
    const std::uint32_t k = chunk + 4 * lane;
    float4 sum = {0.0F, 0.0F, 0.0F, 0.0F};
    if (k < layer.columns) {
      const float4 weights = load_quad(layer.weights + k);
      for (std::uint32_t r = warp; r < block_rows; r += kOutputWarps) {
        const std::uint32_t row = first_row + r;
        if (row >= layer.capacity) break;
        const std::size_t at = std::size_t{row} * layer.columns + k;
        const float gradient = row_gradients.of[r];
        float4 activation = {0.0F, 0.0F, 0.0F, 0.0F};
        if (row < count) activation = load_quad(layer.activation + at);
        sum = add_scaled(sum, gradient, activation);
        if (gradients.activation_gradient != nullptr) {
          store_quad(gradients.activation_gradient + at, through_relu(gradient, weights, activation));
        }
      }
    }
    shares.of[warp][lane] = sum;
    block_barrier();
    if (warp == 0 && k < layer.columns) {
      float4 whole = {0.0F, 0.0F, 0.0F, 0.0F};
      for (unsigned w = 0; w < kOutputWarps; ++w) whole = add_scaled(whole, 1.0F, shares.of[w][lane]);
      store_quad(part + k, whole);
    }
    block_barrier();
  }

  if (lane == 0) shares.of[warp][0].x = bias_gradient;
  leave_losses(loss, correct, losses);  // with a barrier, which the line above needs as well
  if (thread_index().x == 0) {
    float whole = 0;
    for (unsigned w = 0; w < kOutputWarps; ++w) whole += shares.of[w][0].x;
    store_quad(part + layer.columns, {whole, 0.0F, 0.0F, 0.0F});
  }
}

// As above, without gradients. Bound by memory. Deterministic likewise.
//
// traffic: element·columns + 16 B/row, 2·columns FLOP/row
template <class T>
__global__ void MILLRACE_LAUNCH_BOUNDS(kOutputThreads)
    score_output(OutputLayer<T> layer, LossPart* losses, std::uint32_t block_rows, const StepState* state) {
  const ScoreTarget target = state->scores;
  const unsigned warp = thread_index().x / kWarpSize;
  const std::uint32_t first_row = block_index().x * block_rows;
  const std::uint32_t count = state->count;
  const std::size_t place = state->begin;
  double loss = 0;
  unsigned correct = 0;
  for (std::uint32_t r = warp; r < block_rows; r += kOutputWarps) {
    const std::uint32_t row = first_row + r;
    if (row >= count) break;
    const float label = ldg(layer.labels + row);
    const RowLoss outcome = loss_of(logit_of(layer, row), label);
    loss += static_cast<double>(outcome.loss);
    correct += outcome.correct ? 1 : 0;
    if (lane_index() == 0) {
      target.logits[place + row] = outcome.logit;
      target.labels[place + row] = label;
    }
  }
  leave_losses(loss, correct, losses);
}

// One block adds the parts up; its first thread has the last word. Bound by latency. Deterministic: a fixed
// tree.
//
// traffic: 0 B/row, 0 FLOP/row
__global__ void MILLRACE_LAUNCH_BOUNDS(kMostLossParts)
    add_scores(const LossPart* losses, std::uint32_t parts, StepState* state) {
  const LossPart whole = sum_of_parts(losses, parts);
  if (thread_index().x != 0) return;
  LossSums& sums = state->sums.scoring;
  sums.loss += whole.loss;
  sums.correct += whole.correct;
  sums.rows += state->count;
  state->next += state->count;
}

std::uint32_t loss_parts(std::uint32_t capacity) {
  return (capacity + rows_per_block(capacity) - 1) / rows_per_block(capacity);
}

template <class T>
void train_output_async(const OutputLayer<T>& layer, const OutputGradients<T>& gradients, LossPart* losses,
                        const StepState* state, cudaStream_t stream) {
  launch<train_output<T>>({.grid = loss_parts(layer.capacity), .block = kOutputThreads}, stream, layer,
                          gradients, losses, rows_per_block(layer.capacity), state);
}

template <class T>
void score_output_async(const OutputLayer<T>& layer, LossPart* losses, const StepState* state,
                        cudaStream_t stream) {
  launch<score_output<T>>({.grid = loss_parts(layer.capacity), .block = kOutputThreads}, stream, layer,
                          losses, rows_per_block(layer.capacity), state);
}

void add_scores_async(std::span<const LossPart> losses, StepState* state, cudaStream_t stream) {
  launch<add_scores>({.grid = 1, .block = kMostLossParts}, stream, losses.data(),
                     static_cast<std::uint32_t>(losses.size()), state);
}

template void train_output_async(const OutputLayer<float>&, const OutputGradients<float>&, LossPart*,
                                 const StepState*, cudaStream_t);
template void train_output_async(const OutputLayer<Bfloat16>&, const OutputGradients<Bfloat16>&, LossPart*,
                                 const StepState*, cudaStream_t);
template void score_output_async(const OutputLayer<float>&, LossPart*, const StepState*, cudaStream_t);
template void score_output_async(const OutputLayer<Bfloat16>&, LossPart*, const StepState*, cudaStream_t);

}  // namespace millrace::cuda
