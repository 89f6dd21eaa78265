// The emulated device's cuBLASLt is always there.
#include "cuda/library/open_cublaslt.h"

#include <string>

#include "support/emulated_device/cublaslt.h"

namespace millrace::cuda {

const CublasLtOpening& open_cublaslt() {
  static const CublasLtOpening opening = {
      &emulated::emulated_cublaslt(),
      {.name = "cuBLASLt", .version = std::to_string(CUBLAS_VERSION), .place = "the emulated device"}};
  return opening;
}

}  // namespace millrace::cuda
