#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ostream>

#include "millrace/errors.h"

#include "cuda/gemm/cudnn_products.h"
#include "cudnn/installed_cudnn.h"

namespace millrace::cuda {
namespace {

TEST(CudnnProducts, FailWithTheLibrarysOwnStatusWhereThereIsNoDevice) {
  if (open_installed_cudnn().table == nullptr) GTEST_SKIP() << "no cuDNN here";
  try {
    const auto products = make_cudnn_products();
    GTEST_SKIP() << "this machine has a device";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.detail,
                testing::MatchesRegex(R"(cudnn.create\(&handle_\) at cudnn_products.cc:[0-9]+: )"
                                      R"(CUDNN_STATUS_NOT_INITIALIZED \(.*\))"));
  }
}

struct Layer {
  std::uint32_t rows, inputs, outputs, above;
  bool trains;
};

std::ostream& operator<<(std::ostream& out, const Layer& layer) {
  return out << layer.rows << 'x' << layer.inputs << 'x' << layer.outputs;
}

class Graphs : public testing::TestWithParam<Layer> {};

TEST_P(Graphs, AreValidInEveryMathMode) {
  if (open_installed_cudnn().table == nullptr) GTEST_SKIP() << "no cuDNN here";
  const Layer& layer = GetParam();
  for (const MathMode math : {MathMode::fp32, MathMode::tf32, MathMode::bf16}) {
    EXPECT_NO_THROW(
        check_cudnn_graphs({layer.rows, layer.inputs, layer.outputs, layer.above, math, layer.trains}));
  }
}

INSTANTIATE_TEST_SUITE_P(CudnnProducts, Graphs,
                         testing::Values(Layer{1, 16, 128, 0, true}, Layer{32, 128, 256, 128, true},
                                         Layer{257, 256, 128, 16, true}, Layer{65'536, 128, 8, 0, false}));

}  // namespace
}  // namespace millrace::cuda
