#include "matmul_call.h"

#include <cuda_bf16.h>
#include <gtest/gtest.h>

#include "millrace/errors.h"

#include "cuda/library/open_cublaslt.h"

namespace millrace {
namespace {

const cuda::CublasLt& library() {
  const cuda::CublasLtOpening& opening = cuda::open_cublaslt();
  if (opening.table == nullptr) throw DeviceError(opening.library.place);
  return *opening.table;
}

void expect_success(cublasStatus_t status) {
  EXPECT_EQ(status, CUBLAS_STATUS_SUCCESS) << library().get_status_name(status);
}

std::vector<float> numbers(std::size_t count, unsigned seed, int most) {
  std::vector<float> result(count);
  std::uint32_t state = seed;
  for (float& value : result) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(static_cast<int>((state >> 16U) % static_cast<unsigned>(2 * most + 1)) - most);
  }
  return result;
}

}  // namespace

float rounded_to(float value, cudaDataType type) {
  return type == CUDA_R_32F ? value : __bfloat162float(__float2bfloat16_rn(value));
}

MatmulNumbers whole_numbers(const MatmulShape& shape) {
  MatmulNumbers result;
  result.a = numbers(shape.a_size(), 1, 4);
  result.b = numbers(shape.b_size(), 2, 4);
  result.c = numbers(shape.d_size(), 3, 9);
  result.d = numbers(shape.d_size(), 4, 9);
  result.bias = numbers(shape.epilogue == CUBLASLT_EPILOGUE_BGRADB ? shape.n : shape.m, 5, 9);
  result.mask.resize(shape.n * shape.mask_leading() / 8);
  std::uint8_t pattern = 0x35;
  for (std::uint8_t& bits : result.mask) bits = pattern = static_cast<std::uint8_t>(pattern * 5 + 1);
  return result;
}

MatmulNumbers expected(const MatmulShape& shape, MatmulNumbers all, float alpha, float beta) {
  const auto a = [&](std::size_t i, std::size_t k) {
    return static_cast<double>(shape.transpose_a ? all.a[i * (shape.a_rows() + shape.gap) + k]
                                                 : all.a[k * (shape.a_rows() + shape.gap) + i]);
  };
  const auto b = [&](std::size_t k, std::size_t j) {
    return static_cast<double>(shape.transpose_b ? all.b[k * (shape.b_rows() + shape.gap) + j]
                                                 : all.b[j * (shape.b_rows() + shape.gap) + k]);
  };
  const auto round = [&](double value) { return rounded_to(static_cast<float>(value), shape.result); };
  const unsigned epilogue = shape.epilogue;
  const bool reads_mask = epilogue == CUBLASLT_EPILOGUE_DRELU || epilogue == CUBLASLT_EPILOGUE_DRELU_BGRAD;
  std::vector<double> gradient(all.bias.size());
  for (std::size_t j = 0; j < shape.n; ++j) {
    for (std::size_t i = 0; i < shape.m; ++i) {
      const std::size_t at = j * (shape.m + shape.gap) + i;
      double value = 0;
      for (std::size_t k = 0; k < shape.k; ++k) value += a(i, k) * b(k, j);
      value = alpha * value + beta * static_cast<double>(all.c[at]);
      if ((epilogue & CUBLASLT_EPILOGUE_BIAS) != 0) value += static_cast<double>(all.bias[i]);
      std::uint8_t& byte = all.mask[(j * shape.mask_leading() + i) / 8];
      const auto bit = static_cast<std::uint8_t>(1U << (i % 8));
      if (shape.writes_mask()) {
        if (i % 8 == 0) byte = 0;
        if (value > 0) byte |= bit;
      }
      if ((epilogue & CUBLASLT_EPILOGUE_RELU) != 0 && value < 0) value = 0;
      if (reads_mask && (byte & bit) == 0) value = 0;
      all.d[at] = round(value);
      if (epilogue == CUBLASLT_EPILOGUE_DRELU_BGRAD) gradient[i] += value;
    }
  }
  for (std::size_t k = 0; k < shape.k; ++k) {
    if (epilogue == CUBLASLT_EPILOGUE_BGRADA) {
      for (std::size_t i = 0; i < shape.m; ++i) gradient[i] += a(i, k);
    } else if (epilogue == CUBLASLT_EPILOGUE_BGRADB) {
      for (std::size_t j = 0; j < shape.n; ++j) gradient[j] += b(k, j);
    }
  }
  if (epilogue == CUBLASLT_EPILOGUE_DRELU_BGRAD || epilogue == CUBLASLT_EPILOGUE_BGRADA ||
      epilogue == CUBLASLT_EPILOGUE_BGRADB) {
    for (std::size_t i = 0; i < gradient.size(); ++i) all.bias[i] = round(gradient[i]);
  }
  return all;
}

MatmulCall::MatmulCall(const MatmulShape& shape) {
  const auto layout = [&](cublasLtMatrixLayout_t& made, cudaDataType type, std::size_t rows,
                          std::size_t columns) {
    expect_success(library().matrix_layout_create(&made, type, rows, columns,
                                                  static_cast<std::int64_t>(rows + shape.gap)));
  };
  expect_success(library().create(&handle_));
  expect_success(library().matmul_desc_create(&operation_, shape.compute, CUDA_R_32F));
  layout(a_, shape.operands, shape.a_rows(), shape.a_columns());
  layout(b_, shape.operands, shape.b_rows(), shape.b_columns());
  layout(d_, shape.result, shape.m, shape.n);
  expect_success(library().preference_create(&preference_));
  expect_success(set(CUBLASLT_MATMUL_DESC_TRANSA, shape.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N));
  expect_success(set(CUBLASLT_MATMUL_DESC_TRANSB, shape.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N));
  expect_success(set(CUBLASLT_MATMUL_DESC_EPILOGUE, shape.epilogue));
  if ((shape.epilogue & 128U) != 0) {
    expect_success(
        set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, static_cast<std::int64_t>(shape.mask_leading())));
  }
}

MatmulCall::~MatmulCall() {
  expect_success(library().preference_destroy(preference_));
  for (const cublasLtMatrixLayout_t layout : {a_, b_, d_}) {
    expect_success(library().matrix_layout_destroy(layout));
  }
  expect_success(library().matmul_desc_destroy(operation_));
  expect_success(library().destroy(handle_));
}

cublasStatus_t MatmulCall::set(cublasLtMatmulDescAttributes_t attribute, const void* value,
                               std::size_t bytes) const {
  return library().matmul_desc_set_attribute(operation_, attribute, value, bytes);
}

cublasStatus_t MatmulCall::prefer(cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                  std::size_t bytes) const {
  return library().preference_set_attribute(preference_, attribute, value, bytes);
}

cublasStatus_t MatmulCall::ask(std::vector<cublasLtMatmulHeuristicResult_t>& found) const {
  found.resize(8);
  int count = 0;
  const cublasStatus_t status = library().algo_get_heuristic(
      handle_, operation_, a_, b_, d_, d_, preference_, static_cast<int>(found.size()), found.data(), &count);
  found.resize(static_cast<std::size_t>(count));
  return status;
}

std::vector<cublasLtMatmulHeuristicResult_t> MatmulCall::candidates() const {
  std::vector<cublasLtMatmulHeuristicResult_t> found;
  expect_success(ask(found));
  return found;
}

cublasStatus_t MatmulCall::check(const cublasLtMatmulAlgo_t& algorithm) const {
  cublasLtMatmulHeuristicResult_t result{};
  return library().algo_check(handle_, operation_, a_, b_, d_, d_, &algorithm, &result);
}

cublasStatus_t MatmulCall::run(const Memory& memory, const cublasLtMatmulAlgo_t* algorithm,
                               cudaStream_t stream, float alpha, float beta) const {
  return library().matmul(handle_, operation_, &alpha, memory.a, a_, memory.b, b_, &beta, memory.c, d_,
                          memory.d, d_, algorithm, memory.workspace, memory.workspace_bytes, stream);
}

}  // namespace millrace
