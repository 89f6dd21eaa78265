#include <gtest/gtest.h>

#include "millrace/errors.h"

#include "cuda/gemm/cudnn_products.h"

namespace millrace::cuda {
namespace {

TEST(BuildWithoutCudnn, SaysSo) {
  EXPECT_EQ(cudnn_library().version, "");
  EXPECT_EQ(cudnn_library().place, "built without cuDNN");
}

TEST(BuildWithoutCudnn, MakesNoProducts) { EXPECT_THROW(make_cudnn_products(), DeviceError); }

}  // namespace
}  // namespace millrace::cuda
