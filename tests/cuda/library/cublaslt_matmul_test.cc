// The products that the engine asks cuBLASLt for, with their epilogues: what the emulated device makes of a
// descriptor is what NVIDIA's library makes of it. On whole numbers, so that every order of a sum is exact.
#include <algorithm>
#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <ostream>
#include <string>
#include <tuple>

#include "cuda/emulated_device/matmul_call.h"
#include "cuda/emulated_device/matmul_memory.h"
#include "cuda/test_device.h"

namespace millrace {
namespace {

// As cuBLASLt sees them, column-major: y = w·x, dw = dy·xᵀ, dx = wᵀ·dy.
struct Product {
  const char* name;
  bool transpose_a;
  bool transpose_b;
  cublasLtEpilogue_t epilogue;
};
// So that a failing case has a name.
void PrintTo(const Product& product, std::ostream* out) { *out << product.name; }

constexpr std::array kProducts = {
    Product{"forward", false, false, CUBLASLT_EPILOGUE_RELU_BIAS},
    Product{"forward_with_mask", false, false, CUBLASLT_EPILOGUE_RELU_AUX_BIAS},
    Product{"weight_gradient", false, true, CUBLASLT_EPILOGUE_BGRADA},
    Product{"data_gradient", true, false, CUBLASLT_EPILOGUE_DRELU},
    Product{"plain", false, false, CUBLASLT_EPILOGUE_DEFAULT},
};
struct Types {
  const char* name;
  cudaDataType operands;
  cudaDataType result;
  cublasComputeType_t compute;
};
void PrintTo(const Types& types, std::ostream* out) { *out << types.name; }

constexpr std::array kTypes = {
    Types{"fp32", CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F},
    Types{"tf32", CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32},
    Types{"bf16", CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F},
    Types{"bf16_to_fp32", CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F},
};
struct Size {
  std::size_t m, n, k;
};
constexpr std::array kSizes = {Size{16, 1, 8}, Size{8, 33, 16}, Size{128, 32, 24}, Size{64, 256, 32}};

using Asked = std::tuple<Types, Product>;

class CublasLtMatmul : public testing::TestWithParam<Asked> {
 protected:
  // The bits of columns; what lies between them is the library's.
  static void expect_equal_masks(const MatmulShape& shape, const std::vector<std::uint8_t>& found,
                                 const std::vector<std::uint8_t>& wanted) {
    for (std::size_t column = 0; column < shape.n; ++column) {
      for (std::size_t row = 0; row < shape.m; ++row) {
        const std::size_t bit = column * shape.mask_leading() + row;
        ASSERT_EQ(found[bit / 8] >> bit % 8 & 1, wanted[bit / 8] >> bit % 8 & 1) << row << ", " << column;
      }
    }
  }

  const test::TestDevice device_;
};

TEST_P(CublasLtMatmul, IsWhatTheDescriptorSaysByEveryAlgorithmOffered) {
  const auto& [types, product] = GetParam();
  const cuda::Stream stream;
  std::size_t offered = 0;
  for (const Size& size : kSizes) {
    const MatmulShape shape{
        size.m,         size.n,       size.k,        product.transpose_a, product.transpose_b,
        types.operands, types.result, types.compute, product.epilogue};
    const MatmulNumbers numbers = whole_numbers(shape);
    const MatmulNumbers wanted = expected(shape, numbers, 1, 0);
    const auto small = [](float x) { return std::fabs(x) <= 256; };  // bfloat16 has all of these
    ASSERT_TRUE(std::ranges::all_of(wanted.d, small) && std::ranges::all_of(wanted.bias, small));
    const MatmulCall call(shape);
    MatmulMemory(shape, numbers, stream).give_to(call);
    // There may be none: then the engine fuses nothing (fallback_test.cc).
    std::vector<cublasLtMatmulHeuristicResult_t> candidates;
    if (call.ask(candidates) != CUBLAS_STATUS_SUCCESS) continue;
    for (const cublasLtMatmulHeuristicResult_t& candidate : candidates) {
      SCOPED_TRACE(std::to_string(size.m) + "x" + std::to_string(size.n) + "x" + std::to_string(size.k));
      const MatmulMemory memory(shape, numbers, stream);
      memory.give_to(call);
      ASSERT_EQ(call.run(memory.view(), &candidate.algo, stream.view()), CUBLAS_STATUS_SUCCESS);
      ASSERT_EQ(memory.d(stream), wanted.d);
      ASSERT_EQ(memory.bias(stream), wanted.bias);
      expect_equal_masks(shape, memory.mask(stream), wanted.mask);
      ++offered;
    }
  }
  RecordProperty("algorithms", std::to_string(offered));
  EXPECT_TRUE(offered > 0 || product.epilogue != CUBLASLT_EPILOGUE_DEFAULT);
}

INSTANTIATE_TEST_SUITE_P(Products, CublasLtMatmul,
                         testing::Combine(testing::ValuesIn(kTypes), testing::ValuesIn(kProducts)),
                         [](const testing::TestParamInfo<Asked>& asked) {
                           return std::string(std::get<Types>(asked.param).name) + "_" +
                                  std::get<Product>(asked.param).name;
                         });

}  // namespace
}  // namespace millrace
