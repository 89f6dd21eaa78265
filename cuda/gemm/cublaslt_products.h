// The products of dense layers through cuBLASLt, with what follows them fused into their epilogues: bias,
// ReLU and its bit mask forward (RELU_AUX_BIAS), the bias gradient on the weight gradient (BGRADA), the ReLU
// on the data gradient by its mask (DRELU), and there, in float32, the bias gradient instead (DRELU_BGRAD).
// Where the library has no algorithm for that, the plain product and a kernel of our own
// (kernels/epilogues.h).
//
// cuBLASLt sees row-major matrices as their transposes in column-major order, so dw is dyᵀ·x to it, and the
// bias gradient a sum over its A.
#pragma once

#include <cstddef>
#include <memory>

#include "cuda/gemm/dense_products.h"
#include "cuda/library/cublaslt.h"

namespace millrace::cuda {

struct CublasLtSettings {
  // Algorithms may ask for this much scratch, of which there is one for all: products run one after the
  // other.
  std::size_t workspace_bytes = std::size_t{32} << 20;
};

// Scratch is made on `stream`, which outlives the library. Errors: DeviceError.
[[nodiscard]] std::unique_ptr<ProductLibrary> make_cublaslt_products(const CublasLt& cublas,
                                                                     const CublasLtSettings& settings,
                                                                     cudaStream_t stream);

}  // namespace millrace::cuda
