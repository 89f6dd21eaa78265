// The cuDNN that tools/setup-cuda lays out: no kernels, but everything that answers without a device.
#pragma once

#include <dlfcn.h>

#include "cuda/library/open_cudnn.h"

namespace millrace::cuda {

// cuDNN asks nothing of it before there is a device.
inline CublasLtOpening some_cublaslt() {
  static const CublasLt table{};
  return {&table, {"cuBLASLt", "13.0.0", "nowhere"}};
}

inline bool loader_finds_cudnn() {
  void* const found = dlopen("libcudnn.so.9", RTLD_LAZY | RTLD_LOCAL);
  if (found != nullptr) dlclose(found);
  return found != nullptr;
}

// From here on the loader finds it by its name, too.
inline CudnnOpening open_installed_cudnn() {
  return open_cudnn_from({.folders = {MILLRACE_CUDNN_LIBRARIES}}, some_cublaslt());
}

}  // namespace millrace::cuda
