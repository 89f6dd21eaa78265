// One cublasLtMatmul call through the library that open_cublaslt gives, for tests: its handles, and the same
// call in plain double loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <vector>

namespace millrace {

struct MatmulShape {
  std::size_t m = 5;
  std::size_t n = 3;
  std::size_t k = 7;
  bool transpose_a = false;
  bool transpose_b = false;
  cudaDataType operands = CUDA_R_32F;
  cudaDataType result = CUDA_R_32F;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  std::size_t gap = 0;  // elements between a column's end and the next column

  [[nodiscard]] std::size_t a_rows() const { return transpose_a ? k : m; }
  [[nodiscard]] std::size_t a_columns() const { return transpose_a ? m : k; }
  [[nodiscard]] std::size_t b_rows() const { return transpose_b ? n : k; }
  [[nodiscard]] std::size_t b_columns() const { return transpose_b ? k : n; }
  [[nodiscard]] std::size_t a_size() const { return (a_rows() + gap) * a_columns(); }  // elements
  [[nodiscard]] std::size_t b_size() const { return (b_rows() + gap) * b_columns(); }
  [[nodiscard]] std::size_t d_size() const { return (m + gap) * n; }
  [[nodiscard]] std::size_t mask_leading() const { return (m + 127) / 128 * 128; }  // bits
  [[nodiscard]] bool writes_mask() const {
    return epilogue == CUBLASLT_EPILOGUE_RELU_AUX || epilogue == CUBLASLT_EPILOGUE_RELU_AUX_BIAS;
  }
};

// Numbers that stand in memory as `type` with the shape's gaps, as floats.
struct MatmulNumbers {
  std::vector<float> a;
  std::vector<float> b;
  std::vector<float> c;
  std::vector<float> d;
  std::vector<float> bias;         // [m]; [n] for BGRADB
  std::vector<std::uint8_t> mask;  // [n, mask_leading / 8]
};

// Small whole numbers: every sum of their products is exact in float, in any order.
MatmulNumbers whole_numbers(const MatmulShape& shape);

// The call in double, its results rounded to their type; what the call does not write is as it was.
MatmulNumbers expected(const MatmulShape& shape, MatmulNumbers numbers, float alpha, float beta);

float rounded_to(float value, cudaDataType type);

// The handles of a call, and nothing on the device. Fails the test where the library refuses.
class MatmulCall {
 public:
  explicit MatmulCall(const MatmulShape& shape);
  MatmulCall(const MatmulCall&) = delete;
  MatmulCall& operator=(const MatmulCall&) = delete;
  ~MatmulCall();

  cublasStatus_t set(cublasLtMatmulDescAttributes_t attribute, const void* value, std::size_t bytes) const;
  template <class Value>
  cublasStatus_t set(cublasLtMatmulDescAttributes_t attribute, Value value) const {
    return set(attribute, &value, sizeof value);
  }
  template <class Value>
  cublasStatus_t prefer(cublasLtMatmulPreferenceAttributes_t attribute, Value value) const {
    return prefer(attribute, &value, sizeof value);
  }
  cublasStatus_t prefer(cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                        std::size_t bytes) const;

  // What the heuristic offers, at most eight, and what it says.
  std::vector<cublasLtMatmulHeuristicResult_t> candidates() const;
  cublasStatus_t ask(std::vector<cublasLtMatmulHeuristicResult_t>& found) const;
  cublasStatus_t check(const cublasLtMatmulAlgo_t& algorithm) const;

  struct Memory {
    const void* a = nullptr;
    const void* b = nullptr;
    const void* c = nullptr;
    void* d = nullptr;
    void* workspace = nullptr;
    std::size_t workspace_bytes = 0;
  };
  cublasStatus_t run(const Memory& memory, const cublasLtMatmulAlgo_t* algorithm, cudaStream_t stream,
                     float alpha = 1, float beta = 0) const;

 private:
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t operation_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr;
  cublasLtMatrixLayout_t b_ = nullptr;
  cublasLtMatrixLayout_t d_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace millrace
