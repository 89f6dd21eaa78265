#include "cuda/library/cublaslt.h"

#include <fmt/format.h>
#include <string_view>

#include "millrace/errors.h"

namespace millrace::cuda {

void cublas_check(const CublasLt& cublas, cublasStatus_t status, const char* expression,
                  std::source_location where) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const std::string_view path = where.file_name();
  throw DeviceError(fmt::format("{} at {}:{}: {}", expression, path.substr(path.find_last_of('/') + 1),
                                where.line(), cublas.get_status_name(status)));
}

}  // namespace millrace::cuda
