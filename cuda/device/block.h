// Inside a kernel: where the thread stands, the block's barrier and its shared memory.
#pragma once

#include <cstddef>
#include <cuda_runtime.h>
#include <type_traits>

#ifndef __CUDACC__
#include <source_location>

#include "cuda/device/twin.h"
#endif

namespace millrace::cuda {

#ifdef __CUDACC__

__device__ __forceinline__ uint3 thread_index() { return threadIdx; }
__device__ __forceinline__ uint3 block_index() { return blockIdx; }
__device__ __forceinline__ dim3 block_size() { return blockDim; }
__device__ __forceinline__ dim3 grid_size() { return gridDim; }

// Every thread of the block reaches the same call; what each wrote before it, all see after it.
__device__ __forceinline__ void block_barrier() { __syncthreads(); }

// The block's one object of type T, not initialised. T is a kernel's own plain struct, so that the type names
// it.
template <class T>
__device__ __forceinline__ T& block_shared() {
  static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_copyable_v<T>);
  __shared__ T object;
  return object;
}

extern __shared__ __align__(128) unsigned char millrace_dynamic_shared[];

// The launch's dynamic_bytes, aligned to 128 bytes, not initialised.
__device__ __forceinline__ std::byte* block_dynamic() {
  return reinterpret_cast<std::byte*>(millrace_dynamic_shared);
}

// Ends the kernel with an error that the next runtime call reports.
__device__ __forceinline__ void trap() { __trap(); }

#else

MILLRACE_UNOBSERVED inline uint3 thread_index() { return twin::here().thread; }
MILLRACE_UNOBSERVED inline uint3 block_index() { return twin::here().block; }
MILLRACE_UNOBSERVED inline dim3 block_size() { return twin::here().block_dim; }
MILLRACE_UNOBSERVED inline dim3 grid_size() { return twin::here().grid_dim; }

inline void block_barrier(std::source_location site = std::source_location::current()) {
  twin::block_barrier(site);
}

// Its address is the name of T's shared object.
template <class T>
inline constexpr char kSharedKey = 0;

template <class T>
T& block_shared() {
  static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_copyable_v<T>);
  return *static_cast<T*>(twin::shared_object(&kSharedKey<T>, sizeof(T), alignof(T)));
}

inline std::byte* block_dynamic() { return static_cast<std::byte*>(twin::dynamic_shared()); }

[[noreturn]] inline void trap() { twin::trap(); }

#endif

}  // namespace millrace::cuda
