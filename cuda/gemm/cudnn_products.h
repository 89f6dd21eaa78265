// The products of dense layers through cuDNN's graph API, each with what follows it in one kernel: bias and
// ReLU forward, the ReLU on the data gradient. That goes by the activations, which are zero where it was
// closed: masks are neither read nor written. The bias gradient is a kernel of our own (kernels/epilogues.h):
// cuDNN fuses it into no weight gradient, and its own sum over rows adds in an order of the timing's.
//
// Deterministic plans only, and by more than cuDNN's word, which is silent about plans that split a sum:
// these are passed over, and those that lead into cuBLASLt. In MathMode::fp32 there may be no plan at all
// (9.28 has none: its engines round float32 to TF32); then there are no candidates.
//
// A plan is compiled for its shape when it is made: that takes about half a second. Graphs captured from
// products are launched only as long as the products live. Errors: DeviceError.
#pragma once

#include <cuda_runtime_api.h>
#include <memory>

#include "millrace/cuda_engine.h"

#include "cuda/gemm/dense_products.h"

namespace millrace::cuda {

// What this build and this machine have; needs no device. Without a version, `place` says why it cannot be
// used.
[[nodiscard]] const CudaLibrary& cudnn_library();

// Makes a handle on the current device, for products that run one after the other. Where cudnn_library() has
// no version, DeviceError says its reason.
[[nodiscard]] std::unique_ptr<ProductLibrary> make_cudnn_products();

// Describes the products of `shape` to cuDNN's frontend, which checks them; needs the library, and no device.
void check_cudnn_graphs(const DenseShape& shape);

}  // namespace millrace::cuda
