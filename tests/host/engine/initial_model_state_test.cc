#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/model.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

TEST(InitialModelState, IsGlorotUniformWithZeroBiases) {
  const NetworkShape shape = {{9, 128, 256, 128, 1}};
  const ModelState state = initial_model_state(shape, 1);
  ASSERT_THAT(state.parameters, SizeIs(67329));
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    const double in = shape.widths[layer], out = shape.widths[layer + 1];
    const double limit = std::sqrt(6.0 / (in + out));
    const auto begin = state.parameters.begin() + static_cast<std::ptrdiff_t>(shape.offset(layer));
    const auto bias = begin + static_cast<std::ptrdiff_t>(in * out);
    double sum = 0, squares = 0;
    for (auto weight = begin; weight != bias; ++weight) {
      EXPECT_LE(std::abs(*weight), limit);
      sum += *weight;
      squares += double{*weight} * *weight;
    }
    const double count = in * out;
    EXPECT_NEAR(sum / count, 0.0, 4 * limit / std::sqrt(3.0 * count));
    EXPECT_NEAR(squares / count, limit * limit / 3.0, limit * limit / std::sqrt(count));
    EXPECT_TRUE(
        std::all_of(bias, bias + static_cast<std::ptrdiff_t>(out), [](float b) { return b == 0.0F; }));
  }
}

TEST(InitialModelState, StartsMomentsStepAndStandardizerAtZero) {
  const ModelState state = initial_model_state({{3, 5, 1}}, 1);
  EXPECT_THAT(state.first_moment, SizeIs(26));
  EXPECT_THAT(state.first_moment, Each(0.0F));
  EXPECT_THAT(state.second_moment, SizeIs(26));
  EXPECT_THAT(state.second_moment, Each(0.0F));
  EXPECT_EQ(state.step, 0U);
  EXPECT_EQ(state.standardizer, (StandardizerState{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}}));
}

TEST(InitialModelState, DependsOnTheSeedAlone) {
  const NetworkShape shape = {{4, 6, 1}};
  EXPECT_EQ(initial_model_state(shape, 7), initial_model_state(shape, 7));
  EXPECT_NE(initial_model_state(shape, 7), initial_model_state(shape, 8));
}

}  // namespace
}  // namespace millrace
