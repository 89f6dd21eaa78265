// Inside a kernel: the 32 lanes of a warp. Every lane that `mask` names makes the same call; T is at most 16
// bytes. Shuffles and votes exchange registers only: memory written by one lane is seen by another after
// warp_barrier.
#pragma once

#include <cuda_runtime.h>

#ifndef __CUDACC__
#include <bit>
#include <cstring>
#include <type_traits>

#include "cuda/device/twin.h"
#endif

namespace millrace::cuda {

inline constexpr unsigned kWarpSize = 32;
inline constexpr unsigned kAllLanes = 0xffffffffU;

#ifdef __CUDACC__

__device__ __forceinline__ unsigned lane_index() {
  unsigned lane;
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  return lane;
}

__device__ __forceinline__ void warp_barrier(unsigned mask = kAllLanes) { __syncwarp(mask); }

// `value` of lane `source`.
template <class T>
__device__ __forceinline__ T shuffle(T value, unsigned source, unsigned mask = kAllLanes) {
  return __shfl_sync(mask, value, static_cast<int>(source));
}

// `value` of the lane `distance` above; the own value where there is none.
template <class T>
__device__ __forceinline__ T shuffle_down(T value, unsigned distance, unsigned mask = kAllLanes) {
  return __shfl_down_sync(mask, value, distance);
}

// `value` of the lane `distance` below; the own value where there is none.
template <class T>
__device__ __forceinline__ T shuffle_up(T value, unsigned distance, unsigned mask = kAllLanes) {
  return __shfl_up_sync(mask, value, distance);
}

// `value` of the lane whose number differs in the bits of `bits`.
template <class T>
__device__ __forceinline__ T shuffle_xor(T value, unsigned bits, unsigned mask = kAllLanes) {
  return __shfl_xor_sync(mask, value, static_cast<int>(bits));
}

// One bit per lane of `mask`: its predicate.
__device__ __forceinline__ unsigned warp_ballot(bool predicate, unsigned mask = kAllLanes) {
  return __ballot_sync(mask, predicate);
}
__device__ __forceinline__ bool warp_any(bool predicate, unsigned mask = kAllLanes) {
  return __any_sync(mask, predicate) != 0;
}
__device__ __forceinline__ bool warp_all(bool predicate, unsigned mask = kAllLanes) {
  return __all_sync(mask, predicate) != 0;
}

#else

MILLRACE_UNOBSERVED inline unsigned lane_index() { return twin::here().linear_thread % kWarpSize; }

inline void warp_barrier(unsigned mask = kAllLanes) { twin::warp_barrier(mask); }

namespace twin {

template <class T>
const LaneValues& exchange(unsigned mask, T value, const char* operation) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(LaneValue));
  LaneValue mine{};
  std::memcpy(mine.data(), &value, sizeof(T));
  return warp_exchange(mask, mine, operation);
}

template <class T>
MILLRACE_UNOBSERVED T shuffled(unsigned mask, T value, unsigned source, const char* operation) {
  const LaneValues& values = exchange(mask, value, operation);
  const unsigned lane = source % kWarpSize;
  require_lane(mask, lane, operation);
  T result;
  std::memcpy(&result, values[lane].data(), sizeof(T));
  return result;
}

}  // namespace twin

template <class T>
T shuffle(T value, unsigned source, unsigned mask = kAllLanes) {
  return twin::shuffled(mask, value, source, "shuffle");
}

template <class T>
T shuffle_down(T value, unsigned distance, unsigned mask = kAllLanes) {
  const unsigned lane = lane_index();
  return twin::shuffled(mask, value, lane + distance < kWarpSize ? lane + distance : lane, "shuffle_down");
}

template <class T>
T shuffle_up(T value, unsigned distance, unsigned mask = kAllLanes) {
  const unsigned lane = lane_index();
  return twin::shuffled(mask, value, lane >= distance ? lane - distance : lane, "shuffle_up");
}

template <class T>
T shuffle_xor(T value, unsigned bits, unsigned mask = kAllLanes) {
  return twin::shuffled(mask, value, lane_index() ^ bits, "shuffle_xor");
}

MILLRACE_UNOBSERVED inline unsigned warp_ballot(bool predicate, unsigned mask = kAllLanes) {
  const twin::LaneValues& values = twin::exchange(mask, predicate, "warp_ballot");
  unsigned votes = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (values[lane][0] != std::byte{0}) votes |= 1U << lane;
  }
  return votes;
}

inline bool warp_any(bool predicate, unsigned mask = kAllLanes) { return warp_ballot(predicate, mask) != 0; }

// Lanes that do not exist, at the end of a block, vote neither way.
inline bool warp_all(bool predicate, unsigned mask = kAllLanes) { return warp_ballot(!predicate, mask) == 0; }

#endif

}  // namespace millrace::cuda
