// cuBLASLt, opened while running: its C functions in a table, so that the program starts where the library is
// absent, and tests put a reference implementation in its place.
//
// Any thread may read a table. It stays valid to the end of the process.
#pragma once

#include <cublasLt.h>
#include <source_location>

namespace millrace::cuda {

// Each with the type of the function that its name says.
struct CublasLt {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtGetVersion) get_version;
  decltype(&cublasLtGetStatusName) get_status_name;
  decltype(&cublasLtMatmulDescCreate) matmul_desc_create;
  decltype(&cublasLtMatmulDescDestroy) matmul_desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) matmul_desc_set_attribute;
  decltype(&cublasLtMatrixLayoutCreate) matrix_layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) matrix_layout_destroy;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set_attribute;
  decltype(&cublasLtMatmulAlgoGetHeuristic) algo_get_heuristic;
  decltype(&cublasLtMatmulAlgoCheck) algo_check;
  decltype(&cublasLtMatmul) matmul;
};

// Throws DeviceError with the expression, file:line and the status' own name, unless `status` is success.
void cublas_check(const CublasLt& cublas, cublasStatus_t status, const char* expression,
                  std::source_location where = std::source_location::current());

}  // namespace millrace::cuda

#define MILLRACE_CUBLAS_CHECK(cublas, call) ::millrace::cuda::cublas_check((cublas), (call), #call)
