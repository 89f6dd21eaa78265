// Inside a kernel launched with clusters (sm_90 and newer; a trap below, so a launcher chooses by
// capability).
#pragma once

#include <cuda_runtime.h>

#include "cuda/device/block.h"

namespace millrace::cuda {

#ifdef __CUDACC__

__device__ __forceinline__ unsigned cluster_rank() {
#if __CUDA_ARCH__ >= 900
  return __clusterRelativeBlockRank();
#else
  __trap();
  return 0;
#endif
}

__device__ __forceinline__ unsigned cluster_size() {
#if __CUDA_ARCH__ >= 900
  return __clusterSizeInBlocks();
#else
  __trap();
  return 1;
#endif
}

// The two halves of cluster_barrier: what a thread wrote before it arrived, all see after they waited.
__device__ __forceinline__ void cluster_arrive() {
#if __CUDA_ARCH__ >= 900
  __cluster_barrier_arrive();
#else
  __trap();
#endif
}
__device__ __forceinline__ void cluster_wait() {
#if __CUDA_ARCH__ >= 900
  __cluster_barrier_wait();
#else
  __trap();
#endif
}

// The counterpart, in the block of `rank`, of an object in this block's shared memory. The other block has
// started after the first cluster_barrier, and must not end before the last access.
template <class T>
__device__ __forceinline__ T* map_shared_rank(T* local, unsigned rank) {
#if __CUDA_ARCH__ >= 900
  return static_cast<T*>(__cluster_map_shared_rank(local, rank));
#else
  __trap();
  return local;
#endif
}

__device__ __forceinline__ void cluster_barrier() {
  cluster_arrive();
  cluster_wait();
}

#else

MILLRACE_UNOBSERVED inline unsigned cluster_rank() { return twin::here().cluster_rank; }
MILLRACE_UNOBSERVED inline unsigned cluster_size() { return twin::here().cluster_size; }
inline void cluster_arrive() { twin::cluster_arrive(); }
inline void cluster_wait() { twin::cluster_wait(); }

template <class T>
T* map_shared_rank(T* local, unsigned rank) {
  return static_cast<T*>(twin::map_shared_rank(local, rank));
}

inline void cluster_barrier() {
  cluster_arrive();
  cluster_wait();
}

#endif

}  // namespace millrace::cuda
