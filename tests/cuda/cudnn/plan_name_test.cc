#include <gtest/gtest.h>
#include <string>

#include "cuda/gemm/cudnn_plan_name.h"

namespace millrace::cuda {
namespace {

TEST(CudnnPlanName, ReadsAnEngineAndItsKnobs) {
  const auto name = parse_cudnn_plan_name("eng7_k24=3_k17=-1");
  ASSERT_TRUE(name);
  EXPECT_EQ(*name, (CudnnPlanName{.engine = 7, .knobs = {{17, -1}, {24, 3}}}));
}

TEST(CudnnPlanName, ReadsAnEngineWithoutKnobs) {
  EXPECT_EQ(parse_cudnn_plan_name("eng12"), (CudnnPlanName{.engine = 12, .knobs = {}}));
}

class OtherText : public testing::TestWithParam<const char*> {};

TEST_P(OtherText, IsNoPlanName) { EXPECT_FALSE(parse_cudnn_plan_name(GetParam())); }

INSTANTIATE_TEST_SUITE_P(CudnnPlanName, OtherText,
                         testing::Values("", "eng", "eng-1", "fused:0123456789abcdef", "eng7_", "eng7_k24",
                                         "eng7_k24=", "eng7_k-1=2", "eng7k24=3", "eng7_k24=3_k24=4",
                                         "eng7_k24=3 ", "eng99999999999999999999"));

TEST(CudnnPlanName, TellsPlansThatSplitTheirSums) {
  EXPECT_TRUE(splits_sums(*parse_cudnn_plan_name("eng7_k17=9_k24=3")));  // slices
  EXPECT_TRUE(splits_sums(*parse_cudnn_plan_name("eng7_k12=2")));        // buffers
  EXPECT_TRUE(splits_sums(*parse_cudnn_plan_name("eng7_k38=1_k24=3")));  // stream-K
}

TEST(CudnnPlanName, TellsPlansThatDoNotSplitTheirSums) {
  EXPECT_FALSE(splits_sums(*parse_cudnn_plan_name("eng4_k24=3")));
  EXPECT_FALSE(splits_sums(*parse_cudnn_plan_name("eng7_k17=1_k12=1_k38=0")));
}

}  // namespace
}  // namespace millrace::cuda
