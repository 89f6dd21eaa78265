// How a kernel walks flat arrays of floats: 16 bytes per thread where all of them are aligned to that, and
// what is left one by one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "cuda/device/block.h"
#include "cuda/device/launch_shape.h"

namespace millrace::cuda {

// Thread i takes quad i, if i < quads, and element 4·quads + i, if i < tail.
struct FlatParts {
  std::size_t quads;
  std::size_t tail;
};

// Eight warps hide each other's memory latency; no shared memory limits how many blocks a multiprocessor
// holds.
inline constexpr unsigned kFlatThreads = 256;

__device__ inline std::size_t flat_thread() {
  return std::size_t{block_index().x} * kFlatThreads + thread_index().x;
}

inline FlatParts flat_parts(std::size_t count, std::initializer_list<const void*> arrays) {
  const bool aligned = std::all_of(arrays.begin(), arrays.end(), [](const void* array) {
    return reinterpret_cast<std::uintptr_t>(array) % sizeof(float4) == 0;
  });
  return aligned ? FlatParts{count / 4, count % 4} : FlatParts{0, count};
}

inline LaunchShape flat_shape(const FlatParts& parts) {
  const std::size_t threads = std::max(parts.quads, parts.tail);
  return {.grid = static_cast<unsigned>((threads + kFlatThreads - 1) / kFlatThreads), .block = kFlatThreads};
}

}  // namespace millrace::cuda
