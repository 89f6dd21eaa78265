// Keeps what is not finite away from the weights.
//
// The guard is one `unsigned` in device memory: 0, or raised. Whatever finds a value that must not reach the
// weights raises it; every later update obeys it (adam.h), until the host has read it and writes 0 again.
#pragma once

#include <cuda_runtime_api.h>
#include <span>

namespace millrace::cuda {

// Raises the guard if any gradient is NaN, infinite, or so large that its square is: the square enters
// Adam's second moment. Never lowers it.
void guard_gradient_async(std::span<const float> gradient, unsigned* guard, cudaStream_t stream);

}  // namespace millrace::cuda
