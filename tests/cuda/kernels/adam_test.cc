#include "cuda/kernels/adam.h"

#include <cmath>

#include "cuda/graph.h"
#include "kernel_run.h"

namespace millrace::cuda {
namespace {

constexpr AdamSettings kSettings = {1e-3, 0.9, 0.999, 1e-7};

struct State {
  std::vector<float> parameters;
  std::vector<float> first;
  std::vector<float> second;
};

State first_state(std::size_t count) {
  return {scattered(count, 1), std::vector<float>(count), std::vector<float>(count)};
}

// In float64, as the formula is written.
struct Reference {
  std::vector<double> parameters;
  std::vector<double> first;
  std::vector<double> second;

  explicit Reference(const State& state)
      : parameters(state.parameters.begin(), state.parameters.end()),
        first(state.first.begin(), state.first.end()),
        second(state.second.begin(), state.second.end()) {}

  void update(const std::vector<float>& gradient, int t) {
    const double beta1 = static_cast<double>(0.9F);
    const double beta2 = static_cast<double>(0.999F);
    const double step_size = 1e-3 * std::sqrt(1 - std::pow(beta2, t)) / (1 - std::pow(beta1, t));
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const auto g = static_cast<double>(gradient[i]);
      first[i] += (g - first[i]) * (1 - 0.9);
      second[i] += (g * g - second[i]) * (1 - 0.999);
      parameters[i] -= step_size * first[i] / (std::sqrt(second[i]) + 1e-7);
    }
  }
};

// A gradient of which some elements are zero.
std::vector<float> gradient_of(std::size_t count, int t) {
  std::vector<float> gradient = scattered(count, 100U + static_cast<std::uint32_t>(t));
  for (std::size_t i = 0; i < count; i += 5) gradient[i] = 0;
  return gradient;
}

struct DeviceAdam {
  OnDevice<float> parameters;
  OnDevice<float> first;
  OnDevice<float> second;
  OnDevice<float> gradient;
  OnDevice<unsigned> guard;
  OnDevice<AdamProgress> progress;

  DeviceAdam(const State& state, const std::vector<float>& first_gradient, unsigned raised,
             const Stream& stream)
      : parameters(state.parameters, stream),
        first(state.first, stream),
        second(state.second, stream),
        gradient(first_gradient, stream),
        guard(std::vector<unsigned>{raised}, stream),
        progress(std::vector<AdamProgress>{{0, 0, 0.0}}, stream) {}

  // All elements but the first `skipped`.
  void update_async(cudaStream_t stream, std::size_t skipped = 0) const {
    advance_adam_async(kSettings, guard.data(), progress.data(), stream);
    adam_async(kSettings,
               {parameters.view().subspan(skipped), first.view().subspan(skipped),
                second.view().subspan(skipped), gradient.view().subspan(skipped)},
               guard.data(), progress.data(), stream);
  }
};

void expect_near(const std::vector<float>& values, const std::vector<double>& reference,
                 std::size_t begin = 0) {
  for (std::size_t i = begin; i < values.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(values[i]), reference[i], 2e-6 * std::abs(reference[i]) + 1e-9) << i;
  }
}

TEST(AdamKernel, StaysWithTheFormulaOverSeveralSteps) {
  constexpr int kSteps = 4;
  for (const std::size_t count : kOddSizes) {
    Reference reference(first_state(count));
    for (int t = 1; t <= kSteps; ++t) reference.update(gradient_of(count, t), t);
    under_each_seed([&](const Stream& stream) {
      std::vector<OnDevice<float>> gradients;
      for (int t = 1; t <= kSteps; ++t) gradients.emplace_back(gradient_of(count, t), stream);
      const DeviceAdam adam(first_state(count), gradient_of(count, 1), 0, stream);
      for (const auto& gradient : gradients) {
        copy_async(adam.gradient.view(), gradient.view(), stream.view());
        adam.update_async(stream.view());
      }
      expect_near(adam.parameters.fetch(), reference.parameters);
      expect_near(adam.first.fetch(), reference.first);
      expect_near(adam.second.fetch(), reference.second);
      const AdamProgress progress = adam.progress.fetch()[0];
      EXPECT_EQ(progress.step, std::uint64_t{kSteps});
      EXPECT_EQ(progress.skipped_steps, 0U);
    });
  }
}

TEST(AdamKernel, TakesArraysThatAreNotAlignedAndTouchesNothingBefore) {
  constexpr std::size_t kCount = 258;
  const State state = first_state(kCount);
  Reference reference(state);
  reference.update(gradient_of(kCount, 1), 1);
  under_each_seed([&](const Stream& stream) {
    const DeviceAdam adam(state, gradient_of(kCount, 1), 0, stream);
    adam.update_async(stream.view(), 1);
    const std::vector<float> parameters = adam.parameters.fetch();
    EXPECT_EQ(parameters[0], state.parameters[0]);
    expect_near(parameters, reference.parameters, 1);
  });
}

TEST(AdamKernel, GivesTheSameBitsAlignedAndNot) {
  constexpr std::size_t kCount = 258;
  under_each_seed([&](const Stream& stream) {
    const DeviceAdam aligned(first_state(kCount), gradient_of(kCount, 1), 0, stream);
    const DeviceAdam shifted(first_state(kCount), gradient_of(kCount, 1), 0, stream);
    aligned.update_async(stream.view());
    shifted.update_async(stream.view(), 1);
    const std::vector<float> one = aligned.parameters.fetch();
    const std::vector<float> other = shifted.parameters.fetch();
    EXPECT_TRUE(std::equal(one.begin() + 1, one.end(), other.begin() + 1));
  });
}

TEST(AdamKernel, ChangesNothingWhileTheGuardIsRaised) {
  for (const std::size_t count : kOddSizes) {
    const State state = first_state(count);
    under_each_seed([&](const Stream& stream) {
      const DeviceAdam adam(state, gradient_of(count, 1), 1, stream);
      adam.update_async(stream.view());
      EXPECT_EQ(adam.parameters.fetch(), state.parameters);
      EXPECT_EQ(adam.first.fetch(), state.first);
      EXPECT_EQ(adam.second.fetch(), state.second);
      const AdamProgress progress = adam.progress.fetch()[0];
      EXPECT_EQ(progress.step, 0U);
      EXPECT_EQ(progress.skipped_steps, 1U);
    });
  }
}

TEST(AdamKernel, CountsItsStepsInAReplayedGraph) {
  constexpr std::size_t kCount = 33;
  constexpr int kSteps = 3;
  const std::vector<float> gradient = gradient_of(kCount, 1);
  Reference reference(first_state(kCount));
  for (int t = 1; t <= kSteps; ++t) reference.update(gradient, t);
  under_each_seed([&](const Stream& stream) {
    const DeviceAdam adam(first_state(kCount), gradient, 0, stream);
    const GraphExec exec(capture(stream.view(), [&] { adam.update_async(stream.view()); }));
    for (int t = 1; t <= kSteps; ++t) exec.launch_async(stream.view());
    expect_near(adam.parameters.fetch(), reference.parameters);
    EXPECT_EQ(adam.progress.fetch()[0].step, std::uint64_t{kSteps});
  });
}

}  // namespace
}  // namespace millrace::cuda
