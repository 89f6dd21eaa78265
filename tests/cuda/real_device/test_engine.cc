#include "millrace/errors.h"

#include "cuda/engine/test_device.h"
#include "cuda/gemm/cublaslt_products.h"
#include "cuda/library/open_cublaslt.h"

namespace millrace::test {

cuda::ProductLibraries device_products(cudaStream_t stream) {
  const cuda::CublasLtOpening& opening = cuda::open_cublaslt();
  if (opening.table == nullptr) throw DeviceError("cuBLASLt cannot be opened: " + opening.library.place);
  cuda::ProductLibraries libraries;
  libraries.push_back(cuda::make_cublaslt_products(*opening.table, {}, stream));
  return libraries;
}

std::unique_ptr<cuda::CudaEngine> device_engine(const NetworkShape& shape, const TrainingSettings& settings,
                                                std::uint32_t max_window_rows) {
  return cuda::make_engine(shape, settings, max_window_rows,
                           {.device_name = "test device", .products = device_products});
}

}  // namespace millrace::test
