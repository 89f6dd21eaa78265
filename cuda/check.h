// The one door for results of CUDA runtime calls.
#pragma once

#include <cuda_runtime_api.h>
#include <source_location>

namespace millrace::cuda {

// Throws DeviceError with the expression, file:line, and the error's own name and text, unless `result` is
// cudaSuccess. Any thread. Written as MILLRACE_CUDA_CHECK(call), which supplies the expression.
void cuda_check(cudaError_t result, const char* expression,
                std::source_location where = std::source_location::current());

// For destructors: logs what cuda_check would throw.
void log_failed_release(cudaError_t result, const char* expression) noexcept;

}  // namespace millrace::cuda

#define MILLRACE_CUDA_CHECK(call) ::millrace::cuda::cuda_check((call), #call)
