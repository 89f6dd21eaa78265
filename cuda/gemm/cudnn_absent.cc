// In place of cudnn_products.cc, in builds that found no headers of cuDNN's.
#include "millrace/errors.h"

#include "cuda/gemm/cudnn_products.h"

namespace millrace::cuda {

const CudaLibrary& cudnn_library() {
  static const CudaLibrary absent = {"cuDNN", "", "built without cuDNN"};
  return absent;
}

std::unique_ptr<ProductLibrary> make_cudnn_products() {
  throw DeviceError("cuDNN cannot be used: " + cudnn_library().place);
}

void check_cudnn_graphs(const DenseShape&) {
  throw DeviceError("cuDNN cannot be used: " + cudnn_library().place);
}

}  // namespace millrace::cuda
