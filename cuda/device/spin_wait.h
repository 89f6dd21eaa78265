// Inside a kernel: flags in global or shared memory by which one thread tells others, of its block, its
// cluster or the whole grid, that something is there, and the wait for them.
//
//   partial[block] = sum;  store_release(&ready[block], 1);
//   spin_until([&] { return load_acquire(&ready[block - 1]) != 0; });   … partial[block - 1] …
//
// A block waits only for blocks of its cluster, for those before it in the grid, and for those that it knows
// to have started (they took a ticket): blocks start in order, and later ones may find no room while it
// waits.
#pragma once

#include <cuda_runtime.h>

#ifndef __CUDACC__
#include "cuda/device/twin.h"
#endif

namespace millrace::cuda {

#ifdef __CUDACC__

// What the thread wrote before, those see who read this value by load_acquire.
__device__ __forceinline__ void store_release(unsigned* flag, unsigned value) {
  asm volatile("st.release.gpu.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}

__device__ __forceinline__ unsigned load_acquire(const unsigned* flag) {
  unsigned value;
  asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
  return value;
}

// Returns once `predicate` holds. It changes nothing, and reads memory by load_acquire alone.
template <class Predicate>
__device__ __forceinline__ void spin_until(Predicate predicate) {
  constexpr unsigned kLongestPauseNs = 256;
  for (unsigned pause_ns = 8; !predicate(); pause_ns = min(2 * pause_ns, kLongestPauseNs)) {
    __nanosleep(pause_ns);
  }
}

#else

MILLRACE_UNOBSERVED inline void store_release(unsigned* flag, unsigned value) {
  twin::release(flag, sizeof *flag);
  *flag = value;
}

MILLRACE_UNOBSERVED inline unsigned load_acquire(const unsigned* flag) {
  twin::acquire(flag, sizeof *flag);
  return *flag;
}

template <class Predicate>
void spin_until(Predicate predicate) {
  twin::spin_begins();
  while (true) {
    twin::spin_looks();
    const bool done = predicate();
    twin::spin_looked(done);
    if (done) return;
  }
}

#endif

}  // namespace millrace::cuda
