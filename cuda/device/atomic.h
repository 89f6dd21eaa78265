// Inside a kernel: atomics on flags and counters. Never in a floating-point reduction: its order would be the
// timing's.
#pragma once

#include <cuda_runtime.h>

#ifndef __CUDACC__
#include <utility>

#include "cuda/device/twin.h"
#endif

namespace millrace::cuda {

#ifdef __CUDACC__

// Both return what stood there before.
__device__ __forceinline__ unsigned atomic_add(unsigned* address, unsigned value) {
  return ::atomicAdd(address, value);
}
__device__ __forceinline__ unsigned atomic_or(unsigned* address, unsigned bits) {
  return ::atomicOr(address, bits);
}

#else

// The emulator runs one thread at a time; it is told of the access, and the plain read and write below are
// its own.
MILLRACE_UNOBSERVED inline unsigned atomic_add(unsigned* address, unsigned value) {
  twin::atomic_access(address, sizeof *address);
  const unsigned before = *address;
  *address = before + value;
  return before;
}

MILLRACE_UNOBSERVED inline unsigned atomic_or(unsigned* address, unsigned bits) {
  twin::atomic_access(address, sizeof *address);
  const unsigned before = *address;
  *address = before | bits;
  return before;
}

#endif

}  // namespace millrace::cuda
