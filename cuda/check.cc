#include "cuda/check.h"

#include <spdlog/spdlog.h>
#include <string>
#include <string_view>

#include "millrace/errors.h"

namespace millrace::cuda {
namespace {

std::string_view file_name(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace

void cuda_check(cudaError_t result, const char* expression, std::source_location where) {
  if (result == cudaSuccess) return;
  throw DeviceError(std::string(expression) + " at " + std::string(file_name(where.file_name())) + ":" +
                    std::to_string(where.line()) + ": " + cudaGetErrorName(result) + " (" +
                    cudaGetErrorString(result) + ")");
}

void log_failed_release(cudaError_t result, const char* expression) noexcept {
  if (result == cudaSuccess) return;
  // A lost device says so to every call; whoever used it has thrown.
  const bool lost = result == cudaErrorLaunchFailure || result == cudaErrorIllegalAddress ||
                    result == cudaErrorDevicesUnavailable || result == cudaErrorMisalignedAddress;
  try {
    spdlog::log(lost ? spdlog::level::debug : spdlog::level::err, "{}: {} ({})", expression,
                cudaGetErrorName(result), cudaGetErrorString(result));
  } catch (...) {  // NOLINT(bugprone-empty-catch): a destructor has nobody to tell
  }
}

}  // namespace millrace::cuda
