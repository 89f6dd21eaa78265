// How a kernel walks flat arrays of parameters: 16 bytes per thread. The arrays are padded to whole quads and
// aligned to them (engine/padded_network.h).
#pragma once

#include <cstddef>
#include <cuda_runtime.h>

#include "cuda/device/block.h"
#include "cuda/device/launch_shape.h"

namespace millrace::cuda {

// Eight warps hide each other's memory latency; no shared memory limits how many blocks a multiprocessor
// holds.
inline constexpr unsigned kFlatThreads = 256;

__device__ inline std::size_t flat_thread() {
  return std::size_t{block_index().x} * kFlatThreads + thread_index().x;
}

inline unsigned flat_blocks(std::size_t quads) {
  return static_cast<unsigned>((quads + kFlatThreads - 1) / kFlatThreads);
}

}  // namespace millrace::cuda
