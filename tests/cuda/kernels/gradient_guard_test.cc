#include "cuda/kernels/gradient_guard.h"

#include <cmath>
#include <limits>
#include <vector>

#include "kernel_test.h"

namespace millrace::cuda {
namespace {

constexpr AdamSettings kSettings = {.learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7};
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Gradient {
  std::vector<float> hidden;
  std::size_t columns = 0;   // of the output layer, its bias included
  std::vector<float> parts;  // [losses.size(), columns]
  std::vector<LossPart> losses;

  Gradient(std::size_t hidden_quads, std::size_t output_quads, std::size_t part_count)
      : hidden(scattered(4 * hidden_quads, 1)),
        columns(4 * output_quads),
        parts(scattered(4 * output_quads * part_count, 2)),
        losses(part_count, LossPart{0.5, 3}) {}
};

struct Guarded {
  std::vector<float> hidden;
  std::vector<float> output;
  StepState state;
};

Guarded guard(const Gradient& gradient, const Stream& stream, StepState before = {}) {
  const OnDevice<float> hidden(gradient.hidden, stream);
  const OnDevice<float> output(gradient.columns, stream);
  const OnDevice<float> parts(gradient.parts, stream);
  const OnDevice<LossPart> losses(gradient.losses, stream);
  const OnDevice<StepState> state(std::vector{before}, stream);
  guard_gradient_async({hidden.view(), output.view(), parts.view(), losses.view()}, kSettings, state.data(),
                       stream.view());
  return {hidden.fetch(), output.fetch(), state.fetch()[0]};
}

void expect_guard(const Gradient& gradient, std::uint32_t expected) {
  under_each_seed([&](const Stream& stream) { EXPECT_EQ(guard(gradient, stream).state.guard, expected); });
}

TEST(GradientGuard, AddsTheOutputLayersPartsUpInTheirOrder) {
  for (const std::size_t part_count : {1, 31, 33, 256}) {
    for (const std::size_t output_quads : {2, 33, 257}) {
      SCOPED_TRACE(std::to_string(part_count) + " parts of " + std::to_string(output_quads) + " quads");
      const Gradient gradient(5, output_quads, part_count);
      std::vector<float> expected(gradient.columns);
      for (std::size_t i = 0; i < gradient.parts.size(); ++i)
        expected[i % gradient.columns] += gradient.parts[i];
      under_each_seed([&](const Stream& stream) { EXPECT_EQ(guard(gradient, stream).output, expected); });
    }
  }
}

TEST(GradientGuard, LeavesTheHiddenLayersGradientAsItIs) {
  const Gradient gradient(257, 3, 3);
  under_each_seed([&](const Stream& stream) { EXPECT_EQ(guard(gradient, stream).hidden, gradient.hidden); });
}

TEST(GradientGuard, StaysDownForGradientsAsTheyShouldBe) {
  for (const std::size_t hidden_quads : {0, 1, 31, 33, 257, 1000}) {
    SCOPED_TRACE(std::to_string(hidden_quads) + " quads");
    expect_guard(Gradient(hidden_quads, 33, 31), 0);
  }
}

TEST(GradientGuard, IsNotLoweredByAGoodGradient) {
  StepState before{};
  before.guard = 1;
  under_each_seed(
      [&](const Stream& stream) { EXPECT_EQ(guard(Gradient(33, 3, 2), stream, before).state.guard, 1U); });
}

TEST(GradientGuard, IsRaisedByOneBadGradientWhereverItStands) {
  const Gradient good(300, 300, 3);
  for (const float bad : {kNaN, -kNaN, kInfinity, -kInfinity, 2e19F, -2e19F}) {
    for (const std::size_t at : {0, 1, 2, 3, 128, 1023, 1024, 1199}) {
      SCOPED_TRACE(std::to_string(bad) + " at " + std::to_string(at));
      Gradient hidden = good;
      hidden.hidden[at] = bad;
      expect_guard(hidden, 1);
      Gradient output = good;
      output.parts[output.columns + at] = bad;
      expect_guard(output, 1);
    }
  }
}

TEST(GradientGuard, IsRaisedBySumsThatOverflowThoughTheirPartsDoNot) {
  Gradient gradient(1, 2, 3);
  gradient.parts[1] = 1e19F;
  gradient.parts[gradient.columns + 1] = 1e19F;
  expect_guard(gradient, 1);
}

TEST(GradientGuard, LetsPassTheLargestGradientWhoseSquareIsFinite) {
  float largest = 1.8446e19F;  // a few hundred floats below
  for (float next = largest; std::isfinite(next * next); next = std::nextafter(next, kInfinity)) {
    largest = next;
  }
  const float too_large = std::nextafter(largest, kInfinity);
  for (const float sign : {1.0F, -1.0F}) {
    Gradient gradient(31, 2, 1);
    gradient.hidden[77] = sign * largest;
    expect_guard(gradient, 0);
    gradient.hidden[77] = sign * too_large;
    expect_guard(gradient, 1);
  }
}

TEST(GradientGuard, IsRaisedByALossThatIsNotFinite) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    for (const std::size_t at : {0, 31, 32, 255}) {
      SCOPED_TRACE(std::to_string(bad) + " at " + std::to_string(at));
      Gradient gradient(0, 2, 256);
      gradient.losses[at].loss = bad;
      expect_guard(gradient, 1);
    }
  }
}

TEST(GradientGuard, IsNotRaisedByALossThatIsLarge) {
  Gradient gradient(3, 2, 33);
  gradient.losses[32].loss = 1e300;
  expect_guard(gradient, 0);
}

// 1 - pow(float32(β), t) loses up to three digits near t = 1, hence the bound; β unrounded is 1e-5 away.
TEST(GradientGuard, ComputesTheStepSizeAsKerasDoes) {
  for (const std::uint64_t step : {0U, 1U, 9U, 99U, 12345U, 4000000000U}) {
    SCOPED_TRACE("after step " + std::to_string(step));
    const auto t = static_cast<double>(step + 1);
    const double expected = kSettings.learning_rate * std::sqrt(1.0 - std::pow(double{0.999F}, t)) /
                            (1.0 - std::pow(double{0.9F}, t));
    StepState before{};
    before.step = step;
    under_each_seed([&](const Stream& stream) {
      const StepState after = guard(Gradient(33, 2, 2), stream, before).state;
      EXPECT_NEAR(after.step_size, expected, 1e-12 * expected);
      EXPECT_EQ(after.step, step) << "the update counts itself";
    });
  }
}

}  // namespace
}  // namespace millrace::cuda
