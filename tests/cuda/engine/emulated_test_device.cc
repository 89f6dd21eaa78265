#include "cuda/engine/test_device.h"
#include "cuda/gemm/cublaslt_products.h"
#include "support/emulated_device/cublaslt.h"

namespace millrace::test {

cuda::ProductLibraries device_products(cudaStream_t stream) {
  cuda::ProductLibraries libraries;
  libraries.push_back(
      cuda::make_cublaslt_products(emulated::emulated_cublaslt(), {.workspace_bytes = 1 << 20}, stream));
  return libraries;
}

std::unique_ptr<cuda::CudaEngine> device_engine(const NetworkShape& shape, const TrainingSettings& settings,
                                                std::uint32_t max_window_rows) {
  return cuda::make_engine(shape, settings, max_window_rows,
                           {.device_name = "emulated device", .products = device_products});
}

}  // namespace millrace::test
