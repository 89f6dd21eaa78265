// Inside a kernel: copies from global to shared memory that pass no register and overlap with computing
// (cp.async).
//
//   copy_async<16>(&tile.next[i], &rows[j]);  copy_commit();   … compute …   copy_wait<0>(); block_barrier();
//
// A copy belongs to the thread that started it: after its copy_wait it sees the bytes, and others after a
// barrier.
#pragma once

#include <cuda_runtime.h>

#ifndef __CUDACC__
#include "cuda/device/twin.h"
#endif

namespace millrace::cuda {

// 4, 8 or 16 bytes, both addresses aligned to that.
template <unsigned bytes>
#ifdef __CUDACC__
__device__ __forceinline__
#else
inline
#endif
    void
    copy_async(void* shared, const void* global) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
#ifdef __CUDACC__
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  if constexpr (bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(global) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(address), "l"(global), "n"(bytes)
                 : "memory");
  }
#else
  twin::copy_async(shared, global, bytes);
#endif
}

#ifdef __CUDACC__

// Closes the group of all copies that this thread started since the last commit.
__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most the newest `groups_left` groups of this thread are under way.
template <unsigned groups_left>
__device__ __forceinline__ void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(groups_left) : "memory");
}

#else

inline void copy_commit() { twin::copy_commit(); }

template <unsigned groups_left>
void copy_wait() {
  twin::copy_wait(groups_left);
}

#endif

}  // namespace millrace::cuda
