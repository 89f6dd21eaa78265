// Inside a kernel: barriers in shared memory that count arrivals and bytes (mbarrier), and bulk copies that
// report to them (cp.async.bulk). sm_90 and newer; a trap below, so a launcher chooses by capability.
//
//   if (thread == 0) barrier_init(&full, 1);
//   block_barrier();
//   if (thread == 0) { barrier_arrive_expect(&full, bytes);  copy_bulk(tile, rows, bytes, &full); }
//   barrier_wait(&full, 0);      // all see the tile
//
// A phase ends when all arrivals of its count are there and no expected byte is missing; the next begins at
// once. Phases have parity 0, 1, 0, …: barrier_wait(b, p) returns when the phase under way is not of parity
// p, so on a new barrier a wait for parity 1 returns at once. What a thread wrote before it arrived, and what
// the phase's copies wrote, is seen by those who waited for that phase.
#pragma once

#include <cstdint>
#include <cuda_runtime.h>

#ifndef __CUDACC__
#include "cuda/device/twin.h"
#endif

namespace millrace::cuda {

// A member of what block_shared gives.
struct Barrier {
  std::uint64_t word;
};

#ifdef __CUDACC__

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define MILLRACE_HAS_BARRIERS 1
#else
#define MILLRACE_HAS_BARRIERS 0
#endif

__device__ __forceinline__ unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

// By one thread, once; a block or cluster barrier must follow before others use it.
__device__ __forceinline__ void barrier_init(Barrier* barrier, unsigned arrivals) {
#if MILLRACE_HAS_BARRIERS
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals)
               : "memory");
  // For arrivals from other blocks, and for copies.
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async;" ::: "memory");
#else
  __trap();
#endif
}

__device__ __forceinline__ void barrier_arrive(Barrier* barrier) {
#if MILLRACE_HAS_BARRIERS
  asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
#else
  __trap();
#endif
}

// At the counterpart of this block's `barrier` in the block of `rank`, which must not end before.
__device__ __forceinline__ void barrier_arrive_at(Barrier* barrier, unsigned rank) {
#if MILLRACE_HAS_BARRIERS
  asm volatile(
      "{\n\t.reg .b32 remote;\n\t"
      "mapa.shared::cluster.u32 remote, %0, %1;\n\t"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote];\n\t}" ::"r"(shared_address(barrier)),
      "r"(rank)
      : "memory");
#else
  __trap();
#endif
}

// Arrives, and makes the phase wait for `bytes` more (below 1 MiB at any time).
__device__ __forceinline__ void barrier_arrive_expect(Barrier* barrier, unsigned bytes) {
#if MILLRACE_HAS_BARRIERS
  asm volatile(
      "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
#else
  __trap();
#endif
}

__device__ __forceinline__ void barrier_wait(Barrier* barrier, unsigned parity) {
#if MILLRACE_HAS_BARRIERS
  unsigned done = 0;
  while (done == 0) {
    asm volatile(
        "{\n\t.reg .pred done;\n\t"
        "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%1], %2;\n\t"
        "selp.u32 %0, 1, 0, done;\n\t}"
        : "=r"(done)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
  }
#else
  __trap();
#endif
}

// From global to this block's shared memory, by one thread. Addresses and `bytes` are multiples of 16. What
// lay there is read by others before, as a barrier must show, and the copy by nobody before its phase ended.
__device__ __forceinline__ void copy_bulk(void* shared, const void* global, unsigned bytes,
                                          Barrier* barrier) {
#if MILLRACE_HAS_BARRIERS
  // Copies go another way to memory than accesses: earlier ones must be through.
  asm volatile("fence.proxy.async;" ::: "memory");
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
          shared_address(shared)),
      "l"(__cvta_generic_to_global(global)), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
#else
  __trap();
#endif
}

#undef MILLRACE_HAS_BARRIERS

#else

inline void barrier_init(Barrier* barrier, unsigned arrivals) { twin::barrier_init(barrier, arrivals); }
inline void barrier_arrive(Barrier* barrier) { twin::barrier_arrive(barrier, 0); }
inline void barrier_arrive_at(Barrier* barrier, unsigned rank) { twin::barrier_arrive_at(barrier, rank); }
inline void barrier_arrive_expect(Barrier* barrier, unsigned bytes) { twin::barrier_arrive(barrier, bytes); }
inline void barrier_wait(Barrier* barrier, unsigned parity) { twin::barrier_wait(barrier, parity); }
inline void copy_bulk(void* shared, const void* global, unsigned bytes, Barrier* barrier) {
  twin::copy_bulk(shared, global, bytes, barrier);
}

#endif

}  // namespace millrace::cuda
