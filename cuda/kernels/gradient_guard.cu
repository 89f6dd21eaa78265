// The guard is the or over all gradients g of  not (|g| <= L),  L the largest float whose square is finite:
// a NaN compares false, so it raises the guard as well.

#include <cstddef>

#include "cuda/device/atomic.h"
#include "cuda/device/block.h"
#include "cuda/device/launch.h"
#include "cuda/device/math.h"
#include "cuda/device/warp.h"
#include "cuda/kernels/flat_array.h"
#include "cuda/kernels/gradient_guard.h"

namespace millrace::cuda {

// The root of the largest float.
constexpr float kLargestGradient = 1.8446742e19F;

__device__ bool must_not_enter(float gradient) {
  return !(gradient <= kLargestGradient && gradient >= -kLargestGradient);
}

// gradient [4·quads + tail]. A thread looks at one quad and at one value of the tail; a warp that found
// something raises the guard once. Traffic: 4 bytes read per gradient, nothing written as long as all is
// well; bound by memory. Deterministic: an or of bits has the same result in any order.
__global__ void MILLRACE_LAUNCH_BOUNDS(kFlatThreads)
    guard_gradient(const float* gradient, FlatParts parts, unsigned* guard) {
  const std::size_t i = flat_thread();
  bool found = false;
  if (i < parts.quads) {
    const float4 g = ldg(reinterpret_cast<const float4*>(gradient) + i);
    found = must_not_enter(g.x) || must_not_enter(g.y) || must_not_enter(g.z) || must_not_enter(g.w);
  }
  if (i < parts.tail) found = must_not_enter(ldg(gradient + 4 * parts.quads + i)) || found;
  if (warp_any(found) && lane_index() == 0) atomic_or(guard, 1U);
}

void guard_gradient_async(std::span<const float> gradient, unsigned* guard, cudaStream_t stream) {
  if (gradient.empty()) return;
  const FlatParts parts = flat_parts(gradient.size(), {gradient.data()});
  launch<guard_gradient>(flat_shape(parts), stream, gradient.data(), parts, guard);
}

}  // namespace millrace::cuda
