#include "cuda/kernels/adam.h"

#include <cmath>
#include <limits>
#include <vector>

#include "kernel_test.h"

namespace millrace::cuda {
namespace {

constexpr AdamSettings kSettings = {.learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7};
constexpr double kStepSize = 3.1e-4;

struct Arrays {
  std::vector<float> parameters, first, second, gradient;

  bool operator==(const Arrays&) const = default;
};

Arrays arrays_of(std::size_t count) {
  Arrays arrays = {scattered(count, 1), scattered(count, 2), scattered(count, 3), scattered(count, 4)};
  for (float& v : arrays.second) v *= v;
  // Denormal moments, and gradients without which nothing moves.
  arrays.first[0] = std::numeric_limits<float>::denorm_min();
  arrays.second[0] = std::numeric_limits<float>::denorm_min();
  arrays.gradient[0] = 0;
  arrays.gradient[count - 1] = 1e18F;
  return arrays;
}

// The formulas, each operation rounded to float32 as the kernel's comment says.
Arrays updated(Arrays arrays, float step_size) {
  for (std::size_t i = 0; i < arrays.parameters.size(); ++i) {
    const float g = arrays.gradient[i];
    float& m = arrays.first[i];
    float& v = arrays.second[i];
    m = std::fma(g - m, static_cast<float>(1.0 - kSettings.beta1), m);
    v = std::fma(std::fma(g, g, -v), static_cast<float>(1.0 - kSettings.beta2), v);
    arrays.parameters[i] -= step_size * m / (std::sqrt(v) + static_cast<float>(kSettings.epsilon));
  }
  return arrays;
}

struct Step {
  Arrays arrays;
  std::vector<float> narrow;
  StepState state;
};

StepState state_before(std::uint32_t guard) {
  StepState state{};
  state.next = 64;
  state.begin = 64;
  state.count = 31;
  state.guard = guard;
  state.step = 41;
  state.step_size = kStepSize;
  state.skipped_in_a_row = 2;
  state.sums = {.scoring = {1.5, 2, 3},
                .training = {4.5, 5, 6},
                .steps = 7,
                .skipped_steps = 8,
                .most_skipped_in_a_row = 2};
  return state;
}

std::vector<LossPart> losses_of(std::size_t parts) {
  std::vector<LossPart> losses;
  for (std::size_t i = 0; i < parts; ++i) losses.push_back({0.25 * static_cast<double>(i + 1), i % 9});
  return losses;
}

Step step(const Arrays& arrays, bool narrows, const std::vector<LossPart>& losses, std::uint32_t guard,
          const Stream& stream) {
  const OnDevice<float> parameters(arrays.parameters, stream);
  const OnDevice<float> first(arrays.first, stream);
  const OnDevice<float> second(arrays.second, stream);
  const OnDevice<float> gradient(arrays.gradient, stream);
  const OnDevice<__nv_bfloat16> narrow(
      rounded_to<__nv_bfloat16>(narrows ? std::vector<float>(arrays.parameters.size(), 42.0F)
                                        : std::vector<float>()),
      stream);
  const OnDevice<LossPart> parts(losses, stream);
  const OnDevice<StepState> state(std::vector{state_before(guard)}, stream);
  adam_async(kSettings, {parameters.view(), first.view(), second.view(), gradient.view(), narrow.view()},
             parts.view(), state.data(), stream.view());
  return {{parameters.fetch(), first.fetch(), second.fetch(), gradient.fetch()},
          widened(narrow.fetch()),
          state.fetch()[0]};
}

TEST(AdamKernel, UpdatesEveryParameterAsKerasDoes) {
  for (const std::size_t quads : {1, 31, 33, 257, 2049}) {
    SCOPED_TRACE(std::to_string(quads) + " quads");
    const Arrays arrays = arrays_of(4 * quads);
    const Arrays expected = updated(arrays, static_cast<float>(kStepSize));
    under_each_seed([&](const Stream& stream) {
      EXPECT_TRUE(step(arrays, false, losses_of(1), 0, stream).arrays == expected);
    });
  }
}

TEST(AdamKernel, KeepsARoundedCopyOfTheParametersWhereSomebodyWantsOne) {
  const Arrays arrays = arrays_of(4 * 257);
  under_each_seed([&](const Stream& stream) {
    const Step after = step(arrays, true, losses_of(1), 0, stream);
    EXPECT_EQ(after.narrow, widened(rounded_to<__nv_bfloat16>(after.arrays.parameters)));
  });
}

TEST(AdamKernel, TouchesNoParameterMomentOrCopyWhenTheGuardIsRaised) {
  Arrays arrays = arrays_of(4 * 257);
  arrays.gradient[5] = std::numeric_limits<float>::infinity();
  under_each_seed([&](const Stream& stream) {
    const Step after = step(arrays, true, losses_of(3), 1, stream);
    EXPECT_TRUE(after.arrays == arrays);
    EXPECT_EQ(after.narrow, std::vector<float>(arrays.parameters.size(), 42.0F));
  });
}

TEST(AdamKernel, AddsTheLossesUpAndCountsTheStep) {
  const Arrays arrays = arrays_of(4 * 300);
  for (const std::size_t parts : {1, 31, 33, 256}) {
    SCOPED_TRACE(std::to_string(parts) + " parts");
    double loss = 4.5;
    std::uint64_t correct = 5;
    for (const LossPart& part : losses_of(parts)) {  // quarters: exact in any order
      loss += part.loss;
      correct += part.correct;
    }
    under_each_seed([&](const Stream& stream) {
      const StepState after = step(arrays, false, losses_of(parts), 0, stream).state;
      EXPECT_EQ(after.sums.training.loss, loss);
      EXPECT_EQ(after.sums.training.correct, correct);
      EXPECT_EQ(after.sums.training.rows, 6U + 31U);
      EXPECT_EQ(after.sums.steps, 8U);
      EXPECT_EQ(after.sums.skipped_steps, 8U);
      EXPECT_EQ(after.step, 42U);
      EXPECT_EQ(after.skipped_in_a_row, 0U);
      EXPECT_EQ(after.sums.most_skipped_in_a_row, 2U);
      EXPECT_EQ(after.next, 64U + 31U);
      EXPECT_EQ(after.sums.scoring.loss, 1.5);
    });
  }
}

TEST(AdamKernel, CountsAStepThatTheGuardForbidsAsSkippedAndGoesOn) {
  const Arrays arrays = arrays_of(4 * 300);
  std::vector<LossPart> losses = losses_of(4);
  losses[2].loss = std::numeric_limits<double>::quiet_NaN();
  under_each_seed([&](const Stream& stream) {
    const StepState after = step(arrays, false, losses, 1, stream).state;
    EXPECT_EQ(after.sums.training.loss, 4.5);
    EXPECT_EQ(after.sums.training.correct, 5U);
    EXPECT_EQ(after.sums.training.rows, 6U);
    EXPECT_EQ(after.sums.steps, 7U);
    EXPECT_EQ(after.sums.skipped_steps, 9U);
    EXPECT_EQ(after.step, 41U);
    EXPECT_EQ(after.skipped_in_a_row, 3U);
    EXPECT_EQ(after.sums.most_skipped_in_a_row, 3U);
    EXPECT_EQ(after.next, 64U + 31U);
  });
}

// The same bits however the arrays are cut: a network's layers need not know of each other.
TEST(AdamKernel, UpdatesAPartOfTheArraysAsItUpdatesTheWhole) {
  constexpr std::size_t kCut = 4 * 129;
  const Arrays arrays = arrays_of(4 * 600);
  const auto part = [&](std::size_t begin, std::size_t end) {
    const auto of = [&](const std::vector<float>& array) {
      return std::vector<float>(array.begin() + static_cast<std::ptrdiff_t>(begin),
                                array.begin() + static_cast<std::ptrdiff_t>(end));
    };
    return Arrays{of(arrays.parameters), of(arrays.first), of(arrays.second), of(arrays.gradient)};
  };
  under_each_seed([&](const Stream& stream) {
    const auto parameters = [&](const Arrays& some) {
      return step(some, false, losses_of(1), 0, stream).arrays.parameters;
    };
    std::vector<float> joined = parameters(part(0, kCut));
    const std::vector<float> rest = parameters(part(kCut, arrays.gradient.size()));
    joined.insert(joined.end(), rest.begin(), rest.end());
    EXPECT_EQ(joined, parameters(arrays));
  });
}

std::vector<float> narrowed(const std::vector<float>& values) {
  std::vector<float> result;
  under_each_seed([&](const Stream& stream) {
    const OnDevice<float> wide(values, stream);
    const OnDevice<__nv_bfloat16> narrow(values.size(), stream);
    narrow_async(wide.view(), narrow.view(), stream.view());
    result = widened(narrow.fetch());
  });
  return result;
}

// Every sign, exponent and leading bits, at and around what lies halfway: zeros, denormals, infinities, and
// the largest floats, which round to infinity.
TEST(Narrow, RoundsToTheNearestAndHalvesToEven) {
  std::vector<float> values;
  for (std::uint32_t high = 0; high < 0x10000; high += high % 0x80 < 3 ? 1 : 31) {
    for (const std::uint32_t low : {0x0000U, 0x0001U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU}) {
      const auto value = std::bit_cast<float>(high << 16 | low);
      if (!std::isnan(value)) values.push_back(value);
    }
  }
  values.resize(values.size() / 4 * 4);
  const std::vector<float> result = narrowed(values);
  ASSERT_EQ(result.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(result[i]) >> 16, nearest_bfloat16(values[i])) << values[i];
  }
}

TEST(Narrow, KeepsNaN) {
  const std::vector<float> result =
      narrowed({std::numeric_limits<float>::quiet_NaN(), std::bit_cast<float>(0x7f800001U), 1.0F, 1.0F});
  EXPECT_TRUE(std::isnan(result.at(0)));
  EXPECT_TRUE(std::isnan(result.at(1)));
}

TEST(Narrow, RoundsArraysOfOddLengths) {
  for (const std::size_t quads : {1, 31, 33, 257}) {
    const std::vector<float> values = scattered(4 * quads, 6);
    EXPECT_EQ(narrowed(values), widened(rounded_to<__nv_bfloat16>(values)));
  }
}

}  // namespace
}  // namespace millrace::cuda
