#include <algorithm>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "millrace/cuda_engine.h"

#include "cuda/door/driver.h"
#include "cuda/gemm/cudnn_products.h"
#include "cuda/library/open_cublaslt.h"

namespace millrace {
namespace {

CudaDevice device_report(int number) {
  CudaDevice device;
  device.number = number;
  cudaDeviceProp properties{};
  if (const cudaError_t result = cudaGetDeviceProperties(&properties, number); result != cudaSuccess) {
    static_cast<void>(cudaGetLastError());  // or the next call that looks would find it
    device.name = "unknown";
    device.unusable = fmt::format("it does not answer: {}", cudaGetErrorName(result));
    return device;
  }
  device.name = properties.name;
  device.compute_capability = properties.major * 10 + properties.minor;
  device.memory_bytes = properties.totalGlobalMem;
  device.unusable = cuda::capability_trouble(device.compute_capability);
  return device;
}

// The driver's part. What it has to complain about.
std::string ask_driver(CudaReport& report) {
  int driver = 0;
  int runtime = 0;
  int devices = 0;
  static_cast<void>(cudaDriverGetVersion(&driver));  // says 0 where there is none
  static_cast<void>(cudaRuntimeGetVersion(&runtime));
  const cudaError_t count = cudaGetDeviceCount(&devices);
  if (count != cudaSuccess) static_cast<void>(cudaGetLastError());
  if (driver != 0) report.driver = cuda::cuda_version_text(driver);
  std::string trouble = cuda::driver_trouble(driver, runtime, count, devices);
  if (trouble.empty()) {
    for (int number = 0; number < devices; ++number) report.devices.push_back(device_report(number));
  }
  return trouble;
}

}  // namespace

CudaReport cuda_report() {
  CudaReport report;
  report.built = true;
  report.toolkit = cuda::cuda_version_text(CUDART_VERSION);
  report.architectures = MILLRACE_CUDA_ARCHITECTURES;
  report.unusable = ask_driver(report);

  const cuda::CublasLtOpening& cublaslt = cuda::open_cublaslt();
  report.libraries.push_back(cublaslt.library);
  report.libraries.push_back(cuda::cudnn_library());
  // Without a device nobody misses the library.
  if (!report.unusable.empty()) return report;
  if (std::ranges::none_of(report.devices, &std::string::empty, &CudaDevice::unusable)) {
    const CudaDevice& first = report.devices.front();
    report.unusable = fmt::format("GPU {} ({}) cannot be used: {}", first.number, first.name, first.unusable);
  } else if (cublaslt.table == nullptr) {
    report.unusable =
        "cuBLASLt cannot be opened (`pip install nvidia-cublas` or a CUDA toolkit brings it; "
        "`millrace doctor` says where it was looked for)";
  }
  return report;
}

}  // namespace millrace
