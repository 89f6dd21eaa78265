#include "cuda/library/cudnn.h"

#include <array>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <string>
#include <string_view>

#include "millrace/errors.h"

namespace millrace::cuda {
namespace {

constexpr std::size_t kMessageBytes = 1024;

// "CUDNN_STATUS_NOT_INITIALIZED (why, if the library says it)".
std::string describe(const Cudnn& cudnn, cudnnStatus_t status) {
  std::array<char, kMessageBytes> message{};
  cudnn.get_last_error_string(message.data(), message.size() - 1);
  std::string text = cudnn.get_error_string(status);
  if (message.front() != '\0') text += fmt::format(" ({})", message.data());
  return text;
}

}  // namespace

void cudnn_check(const Cudnn& cudnn, cudnnStatus_t status, const char* expression,
                 std::source_location where) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const std::string_view path = where.file_name();
  throw DeviceError(fmt::format("{} at {}:{}: {}", expression, path.substr(path.find_last_of('/') + 1),
                                where.line(), describe(cudnn, status)));
}

void log_failed_cudnn_release(const Cudnn& cudnn, cudnnStatus_t status, const char* expression) noexcept {
  if (status == CUDNN_STATUS_SUCCESS) return;
  try {
    spdlog::error("{}: {}", expression, describe(cudnn, status));
  } catch (...) {  // NOLINT(bugprone-empty-catch): a destructor has nobody to tell
  }
}

}  // namespace millrace::cuda
