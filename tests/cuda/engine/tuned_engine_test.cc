// The engine with tuned products, cuDNN's among them where the device has it: its numbers and its bits.
#include <cmath>
#include <gtest/gtest.h>
#include <string>

#include "cuda/engine/test_device.h"
#include "cuda/gemm/cudnn_products.h"
#include "support/reference_network.h"
#include "support/sample_window.h"

namespace millrace::test {
namespace {

const NetworkShape kShape{{9, 16, 32, 16, 1}};
constexpr std::uint32_t kWindows = 3;

cuda::ProductLibraries all_products(cudaStream_t stream) {
  cuda::ProductLibraries libraries = device_products(stream);
  if (!cuda::cudnn_library().version.empty()) libraries.push_back(cuda::make_cudnn_products());
  return libraries;
}

TrainingSettings settings_of(MathMode math) {
  TrainingSettings settings;
  settings.batch = 32;
  settings.epochs = 1;
  settings.math = math;
  return settings;
}

std::unique_ptr<cuda::CudaEngine> engine_of(MathMode math, bool tune, const std::string& earlier_choices = {},
                                            bool graphs = true) {
  return cuda::make_engine(kShape, settings_of(math), 128,
                           {.device_name = "test device",
                            .products = all_products,
                            .tune = tune,
                            .earlier_choices = earlier_choices,
                            .graphs = graphs});
}

ModelState trained(Engine& engine) {
  for (std::uint64_t index = 0; index < kWindows; ++index) {
    run_window(engine, SampleWindow(index, 80, kShape.features()).view());
  }
  return engine.snapshot();
}

class TunedEngine : public testing::TestWithParam<MathMode> {
 protected:
  const TestDevice device_;
};

// Adam makes a whole step of a gradient that is nothing but rounding, so what is near is what the library's
// advice comes to.
TEST_P(TunedEngine, IsAtMostTwiceAsFarFromFloat64AsByTheLibrarysAdvice) {
  ReferenceNetwork reference(kShape, settings_of(GetParam()));
  for (std::uint64_t index = 0; index < kWindows; ++index) {
    static_cast<void>(reference.run_window(SampleWindow(index, 80, kShape.features()).view()));
  }
  const auto distance = [&](const ModelState& state) {
    double sum = 0;
    for (std::size_t i = 0; i < state.parameters.size(); ++i) {
      sum += std::pow(double{state.parameters[i]} - reference.parameters()[i], 2);
    }
    return std::sqrt(sum);
  };
  const auto tuned = engine_of(GetParam(), true);
  RecordProperty("choices", tuned->choices());
  constexpr double kNothing = 1e-5;  // both may be that far off by the last places alone
  EXPECT_LE(distance(trained(*tuned)), 2 * distance(trained(*engine_of(GetParam(), false))) + kNothing);
}

TEST_P(TunedEngine, GivesTheSameBitsWithItsChoicesTakenUpWithGraphsAndWithout) {
  const auto engine = engine_of(GetParam(), true);
  const ModelState state = trained(*engine);
  for (const bool graphs : {true, false}) {
    const auto other = engine_of(GetParam(), false, engine->choices(), graphs);
    EXPECT_EQ(other->choices(), engine->choices());
    EXPECT_EQ(trained(*other), state);
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, TunedEngine, testing::Values(MathMode::fp32, MathMode::tf32, MathMode::bf16));

}  // namespace
}  // namespace millrace::test
