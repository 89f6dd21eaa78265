// Inside a kernel: the sum of up to kMostLossParts parts by one block, in a fixed order.
#pragma once

#include <cstdint>

#include "cuda/device/block.h"
#include "cuda/device/warp.h"
#include "cuda/kernels/output_layer.h"

namespace millrace::cuda {

template <class T>
__device__ T warp_sum(T value) {
  for (unsigned bits = kWarpSize / 2; bits > 0; bits /= 2) value += shuffle_xor(value, bits);
  return value;
}

// Every thread of a block of kMostLossParts calls; the result is thread 0's.
__device__ inline LossPart sum_of_parts(const LossPart* parts, std::uint32_t count) {
  struct WarpParts {
    LossPart of[kMostLossParts / kWarpSize];
  };
  auto& warps = block_shared<WarpParts>();
  const unsigned thread = thread_index().x;
  LossPart mine = {0.0, 0};
  if (thread < count) mine = parts[thread];
  mine.loss = warp_sum(mine.loss);
  mine.correct = warp_sum(mine.correct);
  if (lane_index() == 0) warps.of[thread / kWarpSize] = mine;
  block_barrier();
  LossPart whole = {0.0, 0};
  if (thread != 0) return whole;
  for (const LossPart& part : warps.of) {
    whole.loss += part.loss;
    whole.correct += part.correct;
  }
  return whole;
}

}  // namespace millrace::cuda
