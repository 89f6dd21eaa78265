// z = activation·weights + bias
// loss(z, y) = max(z, 0) - z·y + log(1 + exp(-|z|)),  stable for any z;  dloss/dz = sigmoid(z) - y
//
// Losses are float32 per row and double in sums. Two kernels, rows to parts and parts to sums:
// whether a batch counts is known only after its gradient.

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/device/warp.h"
#include "cuda/kernels/logistic_loss.h"

namespace millrace::cuda {

// A warp per row, and few rows per block: small batches are the common ones, and spread over the device so.
constexpr unsigned kLossRows = 8;
constexpr unsigned kLossThreads = kLossRows * kWarpSize;
// One block, wide enough that the parts of 65 536 rows are 32 rounds.
constexpr unsigned kSumThreads = 256;

struct RowLosses {
  float loss[kLossRows];
  unsigned correct[kLossRows];
};

struct WarpParts {
  LossPart of[kSumThreads / kWarpSize];
};

struct LossTarget {
  float* logits;     // [capacity]
  float* gradients;  // [capacity]
  LossPart* parts;   // [loss_parts(capacity)]
  std::uint32_t capacity;
};

template <class T>
__device__ T warp_sum(T value) {
  for (unsigned bits = kWarpSize / 2; bits > 0; bits /= 2) value += shuffle_xor(value, bits);
  return value;
}

// Valid in every lane.
__device__ float logit_of(const OutputLayer& layer, std::size_t row) {
  const float* activation = layer.activation + row * layer.leading;
  float sum = 0;
  for (unsigned k = lane_index(); k < layer.width; k += kWarpSize) {
    sum = fma(ldg(activation + k), ldg(layer.weights + k), sum);
  }
  return warp_sum(sum) + ldg(layer.bias);
}

// A warp computes one row: its lanes stride over the activations, and lane 0 has the rest. Thread 0 adds the
// block's rows up. Traffic per row: 4·width + 4 bytes read (the weights stay in the cache), 8 and a few
// written; bound by memory. Deterministic: the lanes' sums meet in a fixed tree, the rows in their order.
__global__ void MILLRACE_LAUNCH_BOUNDS(kLossThreads)
    row_losses(OutputLayer layer, const float* labels, const std::uint32_t* count, LossTarget target) {
  auto& rows = block_shared<RowLosses>();
  const unsigned warp = thread_index().x / kWarpSize;
  const std::uint32_t row = block_index().x * kLossRows + warp;
  const std::uint32_t batch_rows = ldg(count);
  float z = 0;
  float gradient = 0;
  float loss = 0;
  bool correct = false;
  if (row < batch_rows) {
    z = logit_of(layer, row);
    const float y = ldg(labels + row);
    const float e = exp(z < 0.0F ? z : -z);
    loss = (z > 0.0F ? z : 0.0F) - z * y + log1p(e);
    correct = (z >= 0.0F) == (y >= 0.5F);
    gradient = ((z >= 0.0F ? 1.0F : e) / (1.0F + e) - y) / static_cast<float>(batch_rows);
  }
  if (lane_index() == 0) {
    if (row < target.capacity) {
      target.logits[row] = z;
      target.gradients[row] = gradient;
    }
    rows.loss[warp] = loss;
    rows.correct[warp] = correct ? 1 : 0;
  }
  block_barrier();
  if (thread_index().x == 0) {
    LossPart part = {0.0, 0};
    for (unsigned r = 0; r < kLossRows; ++r) {
      part.loss += static_cast<double>(rows.loss[r]);
      part.correct += rows.correct[r];
    }
    target.parts[block_index().x] = part;
  }
}

// parts [parts_count]. One block: its threads stride over the parts, warps add up by shuffles, thread 0
// adds the warps and has the last word. Traffic: 16 bytes read per part; bound by latency. Deterministic:
// every sum has a fixed order.
__global__ void MILLRACE_LAUNCH_BOUNDS(kSumThreads)
    add_losses(const LossPart* parts, std::uint32_t parts_count, const std::uint32_t* count, LossSums* sums,
               unsigned* guard) {
  auto& warps = block_shared<WarpParts>();
  const unsigned thread = thread_index().x;
  LossPart mine = {0.0, 0};
  for (std::uint32_t i = thread; i < parts_count; i += kSumThreads) {
    mine.loss += parts[i].loss;
    mine.correct += parts[i].correct;
  }
  mine.loss = warp_sum(mine.loss);
  mine.correct = warp_sum(mine.correct);
  if (lane_index() == 0) warps.of[thread / kWarpSize] = mine;
  block_barrier();
  if (thread != 0) return;
  LossPart whole = {0.0, 0};
  for (const LossPart& part : warps.of) {
    whole.loss += part.loss;
    whole.correct += part.correct;
  }
  if (guard != nullptr) {
    if (!(whole.loss - whole.loss == 0.0)) *guard = 1;  // not finite
    if (*guard != 0) return;
  }
  sums->loss += whole.loss;
  sums->correct += whole.correct;
  sums->rows += *count;
}

std::size_t loss_parts(std::size_t capacity) { return (capacity + kLossRows - 1) / kLossRows; }

void logistic_loss_async(const OutputLayer& layer, std::span<const float> labels, const std::uint32_t* count,
                         const LossOutput& output, cudaStream_t stream) {
  const LossTarget target = {output.logits.data(), output.gradients.data(), output.parts.data(),
                             static_cast<std::uint32_t>(output.logits.size())};
  launch<row_losses>({.grid = static_cast<unsigned>(output.parts.size()), .block = kLossThreads}, stream,
                     layer, labels.data(), count, target);
}

void add_losses_async(std::span<const LossPart> parts, const std::uint32_t* count, LossSums* sums,
                      unsigned* guard, cudaStream_t stream) {
  launch<add_losses>({.grid = 1, .block = kSumThreads}, stream, parts.data(),
                     static_cast<std::uint32_t>(parts.size()), count, sums, guard);
}

}  // namespace millrace::cuda
