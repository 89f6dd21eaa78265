// cuDNN, opened while running: its C functions in a table. The graphs (gemm/cudnn_products.cc) reach the rest
// of the library through NVIDIA's frontend, by the handle that open_cudnn.cc gives it.
//
// Any thread may read a table. It stays valid to the end of the process.
#pragma once

#include <cudnn_graph.h>
#include <source_location>

namespace millrace::cuda {

// Each with the type of the function that its name says.
struct Cudnn {
  decltype(&cudnnGetVersion) get_version;
  decltype(&cudnnGetErrorString) get_error_string;
  decltype(&cudnnGetLastErrorString) get_last_error_string;
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
};

// Throws DeviceError with the expression, file:line, the status' own name and what the library says about
// this thread's last error, unless `status` is success.
void cudnn_check(const Cudnn& cudnn, cudnnStatus_t status, const char* expression,
                 std::source_location where = std::source_location::current());

// For destructors: logs what cudnn_check would throw.
void log_failed_cudnn_release(const Cudnn& cudnn, cudnnStatus_t status, const char* expression) noexcept;

}  // namespace millrace::cuda

#define MILLRACE_CUDNN_CHECK(cudnn, call) ::millrace::cuda::cudnn_check((cudnn), (call), #call)
