// The CPU engine against Keras (support/golden.h).
#include "support/golden.h"

#include <gtest/gtest.h>
#include <string>

#include "engine/cpu_engine.h"
#include "support/reference_network.h"

namespace millrace::test {
namespace {

TEST(GoldenParity, StartsFromTheSameWeights) {
  const ModelState state = initial_model_state(golden_shape(), golden_settings().seed);
  EXPECT_EQ(sampled(state.parameters), golden().get<float>("initial"));
}

// So the plain network that other tests compare with is the right one.
TEST(GoldenParity, ThePlainNetworkInDoubleIsKerasInDouble) {
  ReferenceNetwork reference(golden_shape(), golden_settings());
  const GoldenWindows windows;
  for (std::uint32_t step = 1; step <= 10; ++step) {
    reference.run_window(windows.at(step));
    if (step != 1 && step != 10) continue;
    const auto exact = [step](const char* what) { return golden().get<double>(name_at(what, step)); };
    EXPECT_LT(distance(sampled(reference.parameters()), exact("parameters")), 1e-11) << step;
    EXPECT_LT(distance(sampled(reference.first_moment()), exact("first_moment")), 1e-11) << step;
    EXPECT_LT(distance(sampled(reference.second_moment()), exact("second_moment")), 1e-13) << step;
  }
}

TEST(GoldenParity, IsAtMostTwiceAsFarFromFloat64AsKerasInFloat32) {
  const auto engine = make_cpu_engine(golden_shape(), golden_settings(), golden_settings().batch, 1);
  const auto ratios = golden_ratios(*engine, [](Engine& trains, const WindowView& window) {
    trains.stage(window);
    trains.score();
    trains.train();
    return trains.wait();
  });
  EXPECT_EQ(ratios.size(), 12U);
  for (const GoldenRatio& one : ratios) {
    RecordProperty(one.what, std::to_string(one.ratio));
    EXPECT_LE(one.ratio, 2.0) << one.what;
  }
}

}  // namespace
}  // namespace millrace::test
