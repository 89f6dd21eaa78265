// The one way in which kernels are launched:
//
//   launch<sum_rows>({.grid = rows, .block = kSumThreads}, stream, input, output);
//
// Arguments convert to the kernel's parameter types, which are trivially copyable. Enqueues and returns.
// Errors: DeviceError, naming the kernel.
#pragma once

#include <cuda_runtime_api.h>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cuda/check.h"
#include "cuda/device/launch_shape.h"

#ifdef __CUDACC__
#include <cuda_runtime.h>
// Most threads of a block, and fewest blocks that a multiprocessor should hold: bounds the registers.
#define MILLRACE_LAUNCH_BOUNDS(...) __launch_bounds__(__VA_ARGS__)
#else
#include <cuda_runtime.h>
#include <memory>
#include <tuple>

#include "cuda/device/twin.h"
#define MILLRACE_LAUNCH_BOUNDS(...)
#endif

namespace millrace::cuda {

// The name of a kernel, with template arguments where it has some.
template <auto kernel>
constexpr std::string_view kernel_name() {
  constexpr std::string_view whole = __PRETTY_FUNCTION__;
  constexpr std::string_view key = "kernel = ";
  constexpr std::size_t begin = whole.find(key) + key.size();
  constexpr std::string_view tail = whole.substr(begin);
  constexpr std::size_t end = tail.find_first_of(";]");
  return tail.substr(tail.starts_with('&') ? 1 : 0, end - (tail.starts_with('&') ? 1 : 0));
}

// What follows knows the kernel's parameters.
template <auto kernel, class Function = decltype(kernel)>
struct Launcher;

template <auto kernel, class... Parameters>
struct Launcher<kernel, void (*)(Parameters...)> {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...));

  static cudaError_t launch(const LaunchShape& shape, cudaStream_t stream, Parameters... arguments) {
#ifdef __CUDACC__
    cudaLaunchConfig_t config = {};
    config.gridDim = shape.grid;
    config.blockDim = shape.block;
    config.dynamicSmemBytes = shape.dynamic_bytes;
    config.stream = stream;
    cudaLaunchAttribute cluster = {};
    if (shape.cluster.x * shape.cluster.y * shape.cluster.z > 1) {
      cluster.id = cudaLaunchAttributeClusterDimension;
      cluster.val.clusterDim.x = shape.cluster.x;
      cluster.val.clusterDim.y = shape.cluster.y;
      cluster.val.clusterDim.z = shape.cluster.z;
      config.attrs = &cluster;
      config.numAttrs = 1;
    }
    return cudaLaunchKernelEx(&config, kernel, arguments...);
#else
    return twin::launch({.name = kernel_name<kernel>(),
                         .function = reinterpret_cast<const void*>(kernel),
                         .run_thread = &run_thread,
                         .arguments = std::make_shared<const std::tuple<Parameters...> >(arguments...)},
                        shape, stream);
#endif
  }

#ifndef __CUDACC__
 private:
  static void run_thread(const void* arguments) {
    call(*static_cast<const std::tuple<Parameters...>*>(arguments), std::index_sequence_for<Parameters...>());
  }

  template <std::size_t... index>
  MILLRACE_UNOBSERVED static void call(const std::tuple<Parameters...>& arguments,
                                       std::index_sequence<index...>) {
    kernel(std::get<index>(arguments)...);
  }
#endif
};

template <auto kernel, class... Arguments>
void launch(const LaunchShape& shape, cudaStream_t stream, Arguments&&... arguments) {
  const cudaError_t result = Launcher<kernel>::launch(shape, stream, std::forward<Arguments>(arguments)...);
  if (result != cudaSuccess) cuda_check(result, std::string(kernel_name<kernel>()).c_str());
}

// Lets `kernel` have up to `bytes` of dynamic shared memory where that is above 48 KiB. Once, before its
// launches.
template <auto kernel>
void allow_dynamic_shared(int bytes) {
  const cudaError_t result = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                  cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (result != cudaSuccess) cuda_check(result, std::string(kernel_name<kernel>()).c_str());
}

}  // namespace millrace::cuda
