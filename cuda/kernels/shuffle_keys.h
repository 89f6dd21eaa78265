// The sort keys of a window's rows for one epoch; sorted, they are the order in which the rows are trained
// (millrace/philox.h).
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>

namespace millrace::cuda {

struct ShuffleKey {
  std::uint64_t seed;
  std::uint64_t window;
  std::uint32_t epoch;
};

// keys[row] = shuffle_key(seed, window, epoch, row)
void shuffle_keys_async(const ShuffleKey& key, std::span<std::uint64_t> keys, cudaStream_t stream);

}  // namespace millrace::cuda
