// Owners of cuBLASLt's handles. Each is made by one call and released by another of the table; move-only.
#pragma once

#include <cublasLt.h>
#include <memory>
#include <utility>

#include "cuda/library/cublaslt.h"

namespace millrace::cuda {

// Handle H, released by the table's member `release`.
template <class H, auto release>
class CublasLtOwner {
 public:
  CublasLtOwner(const CublasLt& cublas, H handle) : cublas_(&cublas), handle_(handle) {}
  CublasLtOwner(CublasLtOwner&& other) noexcept
      : cublas_(other.cublas_), handle_(std::exchange(other.handle_, nullptr)) {}
  CublasLtOwner& operator=(CublasLtOwner&& other) noexcept {
    std::swap(cublas_, other.cublas_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~CublasLtOwner() {
    if (handle_ != nullptr) (cublas_->*release)(handle_);
  }

  [[nodiscard]] H view() const { return handle_; }

 private:
  const CublasLt* cublas_;
  H handle_;
};

using CublasLtContext = CublasLtOwner<cublasLtHandle_t, &CublasLt::destroy>;
using MatmulDesc = CublasLtOwner<cublasLtMatmulDesc_t, &CublasLt::matmul_desc_destroy>;
using MatrixLayout = CublasLtOwner<cublasLtMatrixLayout_t, &CublasLt::matrix_layout_destroy>;
using MatmulPreference = CublasLtOwner<cublasLtMatmulPreference_t, &CublasLt::preference_destroy>;

inline CublasLtContext make_context(const CublasLt& cublas) {
  cublasLtHandle_t handle = nullptr;
  MILLRACE_CUBLAS_CHECK(cublas, cublas.create(&handle));
  return {cublas, handle};
}

inline MatmulDesc make_desc(const CublasLt& cublas, cublasComputeType_t compute) {
  cublasLtMatmulDesc_t desc = nullptr;
  MILLRACE_CUBLAS_CHECK(cublas, cublas.matmul_desc_create(&desc, compute, CUDA_R_32F));
  return {cublas, desc};
}

inline MatrixLayout make_layout(const CublasLt& cublas, cudaDataType type, std::uint64_t rows,
                                std::uint64_t columns, std::int64_t leading) {
  cublasLtMatrixLayout_t layout = nullptr;
  MILLRACE_CUBLAS_CHECK(cublas, cublas.matrix_layout_create(&layout, type, rows, columns, leading));
  return {cublas, layout};
}

inline MatmulPreference make_preference(const CublasLt& cublas) {
  cublasLtMatmulPreference_t preference = nullptr;
  MILLRACE_CUBLAS_CHECK(cublas, cublas.preference_create(&preference));
  return {cublas, preference};
}

template <class T>
void set(const CublasLt& cublas, const MatmulDesc& desc, cublasLtMatmulDescAttributes_t attribute,
         const T& value) {
  MILLRACE_CUBLAS_CHECK(cublas,
                        cublas.matmul_desc_set_attribute(desc.view(), attribute, &value, sizeof value));
}

template <class T>
void set(const CublasLt& cublas, const MatmulPreference& preference,
         cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
  MILLRACE_CUBLAS_CHECK(cublas,
                        cublas.preference_set_attribute(preference.view(), attribute, &value, sizeof value));
}

}  // namespace millrace::cuda
