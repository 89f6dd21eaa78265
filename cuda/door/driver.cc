#include "cuda/door/driver.h"

#include <fmt/format.h>

namespace millrace::cuda {
namespace {

// The driver that came with each CUDA: those of one major version run each other's programs.
static_assert(CUDART_VERSION / 1000 == 13, "name the first driver of this CUDA");
constexpr int kFirstDriver = 580;

// Ampere: tensor cores that take float32 as TF32, asynchronous copies.
constexpr int kLowestCapability = 80;

}  // namespace

std::string cuda_version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string driver_trouble(int driver, int runtime, cudaError_t count, int devices) {
  if (driver == 0)
    return fmt::format("there is no NVIDIA driver (install version {} or newer)", kFirstDriver);
  if (driver / 1000 < runtime / 1000) {
    return fmt::format(
        "the NVIDIA driver knows CUDA {}, and this build needs {}.0 (install driver {} or newer)",
        cuda_version_text(driver), runtime / 1000, kFirstDriver);
  }
  if (count == cudaErrorNoDevice || (count == cudaSuccess && devices == 0)) {
    return "the NVIDIA driver shows no GPU (CUDA_VISIBLE_DEVICES may hide it, or the container lacks --gpus)";
  }
  if (count != cudaSuccess) {
    return fmt::format("the NVIDIA driver does not answer: {}, {} (nvidia-smi may say more)",
                       cudaGetErrorName(count), cudaGetErrorString(count));
  }
  return {};
}

std::string capability_trouble(int compute_capability) {
  if (compute_capability >= kLowestCapability) return {};
  return fmt::format("its compute capability is {}.{}, and {}.{} or higher is needed",
                     compute_capability / 10, compute_capability % 10, kLowestCapability / 10,
                     kLowestCapability % 10);
}

}  // namespace millrace::cuda
