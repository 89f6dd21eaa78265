// Philox4x32-10 by the one implementation that the host has too (millrace/philox.h).

#include "millrace/philox.h"

#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/kernels/shuffle_keys.h"

namespace millrace::cuda {

constexpr unsigned kShuffleThreads = 256;

// A thread per row. Bound by arithmetic, ten rounds of two wide multiplications; once per window and epoch.
//
// traffic: 8 B/row, 60 FLOP/row
__global__ void MILLRACE_LAUNCH_BOUNDS(kShuffleThreads)
    shuffle_keys(ShuffleKey key, std::uint64_t* keys, std::uint32_t rows) {
  const std::uint32_t row = block_index().x * kShuffleThreads + thread_index().x;
  if (row < rows) keys[row] = shuffle_key(key.seed, key.window, key.epoch, row);
}

void shuffle_keys_async(const ShuffleKey& key, std::span<std::uint64_t> keys, cudaStream_t stream) {
  const auto rows = static_cast<std::uint32_t>(keys.size());
  launch<shuffle_keys>({.grid = (rows + kShuffleThreads - 1) / kShuffleThreads, .block = kShuffleThreads},
                       stream, key, keys.data(), rows);
}

}  // namespace millrace::cuda
