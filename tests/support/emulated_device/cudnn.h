// cuDNN for the emulated device, in place of cuda/gemm/cudnn_products.cc: products as work on the stream,
// computed by the same reference as cuBLASLt's. It has what the real one has: no float32, no masks, a bias
// gradient with the weight gradient only; two plans for each product, which sum in different orders.
//
// Its calls are cudnnCreate, cudnnGetPlans (candidates, and by) and cudnnExecute; one that is told to fail
// throws a DeviceError that names the call and the error.
#pragma once

#include <set>
#include <string>

namespace millrace::emulated {

// How the library behaves on the device that exists; a new device has the defaults.
struct CudnnBehaviour {
  std::string version = "9.12.0";  // empty: the machine has none
  std::set<std::string> refused_plans;
  // How much longer than cuBLASLt each kind of product takes on the device's clock, in microseconds;
  // negative: shorter.
  double forward_us = 0;
  double data_gradient_us = 0;
  double weight_gradient_us = 0;
};

// Throws std::logic_error where no device exists.
void set_cudnn_behaviour(const CudnnBehaviour& behaviour);

}  // namespace millrace::emulated
