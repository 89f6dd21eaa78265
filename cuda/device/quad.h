// Inside a kernel: four neighbouring elements at a time, as float32 in registers and as float or bfloat16 in
// memory. Addresses are aligned to four elements.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "cuda/device/math.h"

namespace millrace::cuda {

// A name of its own, so that kernels do not depend on CUDA's.
using Bfloat16 = __nv_bfloat16;

__device__ inline float4 load_quad(const float* address) {
  return ldg(reinterpret_cast<const float4*>(address));
}

// What the kernel itself wrote or will write: not through the read-only cache.
__device__ inline float4 read_quad(const float* address) { return *reinterpret_cast<const float4*>(address); }

__device__ inline void store_quad(float* address, float4 values) {
  *reinterpret_cast<float4*>(address) = values;
}

// bfloat16 is the upper half of a float32.
__device__ inline float4 widened(uint2 pairs) {
  return {bits_as_float(pairs.x << 16), bits_as_float(pairs.x & 0xffff0000U), bits_as_float(pairs.y << 16),
          bits_as_float(pairs.y & 0xffff0000U)};
}

__device__ inline float4 load_quad(const Bfloat16* address) {
  return widened(ldg(reinterpret_cast<const uint2*>(address)));
}

__device__ inline float4 read_quad(const Bfloat16* address) {
  return widened(*reinterpret_cast<const uint2*>(address));
}

// Rounds to the nearest, ties to even.
__device__ inline void store_quad(Bfloat16* address, float4 values) {
  const uint2 pairs = {narrowed_bits(values.x) | narrowed_bits(values.y) << 16,
                       narrowed_bits(values.z) | narrowed_bits(values.w) << 16};
  *reinterpret_cast<uint2*>(address) = pairs;
}

}  // namespace millrace::cuda
