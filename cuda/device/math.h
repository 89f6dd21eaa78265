// Inside a kernel: device arithmetic that plain C++ has no name for. The emulated twins round correctly where
// the device's own functions may differ in the last places; `fast_` ones differ by more (CUDA's Programming
// Guide, the section on intrinsic functions).
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#ifndef __CUDACC__
#include <bit>
#include <cmath>
#endif

namespace millrace::cuda {

#ifdef __CUDACC__

__device__ __forceinline__ float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ float exp(float x) { return ::expf(x); }
__device__ __forceinline__ float fast_exp(float x) { return __expf(x); }
__device__ __forceinline__ float log1p(float x) { return ::log1pf(x); }
__device__ __forceinline__ float sqrt(float x) { return __fsqrt_rn(x); }
__device__ __forceinline__ float rsqrt(float x) { return ::rsqrtf(x); }
__device__ __forceinline__ bool is_finite(float x) { return ::isfinite(x); }
__device__ __forceinline__ unsigned popc(unsigned bits) {
  return static_cast<unsigned>(__popc(static_cast<int>(bits)));
}
__device__ __forceinline__ float bits_as_float(unsigned bits) { return __uint_as_float(bits); }
// The 16 bits of the bfloat16 that is nearest.
__device__ __forceinline__ unsigned narrowed_bits(float x) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(x));
}
// Reads memory that nobody writes while the kernel runs.
template <class T>
__device__ __forceinline__ T ldg(const T* address) {
  return __ldg(address);
}

#else

inline float fma(float a, float b, float c) { return std::fma(a, b, c); }
inline float exp(float x) { return std::exp(x); }
inline float fast_exp(float x) { return std::exp(x); }
inline float log1p(float x) { return std::log1p(x); }
inline float sqrt(float x) { return std::sqrt(x); }
inline float rsqrt(float x) { return 1.0F / std::sqrt(x); }
inline bool is_finite(float x) { return std::isfinite(x); }
inline unsigned popc(unsigned bits) { return static_cast<unsigned>(std::popcount(bits)); }
inline float bits_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned narrowed_bits(float x) {
  const auto bits = std::bit_cast<unsigned>(x);
  if (x != x) return 0x7fff;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
template <class T>
T ldg(const T* address) {
  return *address;
}

#endif

}  // namespace millrace::cuda
