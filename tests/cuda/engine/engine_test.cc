// The engine against plain double arithmetic, against the CPU engine, and against the promises of Engine.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <vector>

#include "millrace/cuda_engine.h"

#include "cuda/engine/test_device.h"
#include "engine/cpu_engine.h"
#include "support/reference_network.h"
#include "support/sample_window.h"

namespace millrace::test {
namespace {

double distance(const std::vector<float>& values, const std::vector<double>& reference) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double apart = double{values[i]} - reference[i];
    sum += apart * apart;
  }
  return std::sqrt(sum);
}

TrainingSettings settings_of(std::uint32_t batch, std::uint32_t epochs = 2) {
  TrainingSettings settings;
  settings.batch = batch;
  settings.epochs = epochs;
  settings.standardize = true;
  settings.seed = 7;
  return settings;
}

struct Case {
  std::uint32_t batch;
  std::vector<std::uint32_t> widths;
  std::uint32_t rows;  // of a window
};

// So that a failing case has a name.
void PrintTo(const Case& one, std::ostream* out) {
  *out << "batch " << one.batch << ", " << one.rows << " rows, widths";
  for (const std::uint32_t width : one.widths) *out << ' ' << width;
}

class CudaAgreement : public testing::TestWithParam<Case> {};

// Both engines begin with the same weights and see the same windows; float64 says who is how far off.
TEST_P(CudaAgreement, IsAsCloseToFloat64AsTheCpuEngine) {
  const Case& one = GetParam();
  const NetworkShape shape{one.widths};
  const TrainingSettings settings = settings_of(one.batch);
  const std::uint32_t slot_rows = 2 * one.rows;  // with room for holes
  const TestDevice device;
  const auto cuda = device_engine(shape, settings, slot_rows);
  const auto cpu = make_cpu_engine(shape, settings, slot_rows, 1);
  ReferenceNetwork reference(shape, settings);
  for (std::uint64_t index = 0; index < 3; ++index) {
    const SampleWindow window(index, one.rows, shape.features(), 0.05);
    const WindowOutcome mine = run_window(*cuda, window.view());
    const WindowOutcome exact = reference.run_window(window.view());
    run_window(*cpu, window.view());
    EXPECT_EQ(mine.window, index);
    EXPECT_EQ(mine.rows, one.rows);
    EXPECT_EQ(mine.steps, exact.steps);
    EXPECT_EQ(mine.trained_rows, exact.trained_rows);
    EXPECT_EQ(mine.skipped_steps, 0U);
    EXPECT_NEAR(mine.loss_sum, exact.loss_sum, 1e-4 * (1.0 + exact.loss_sum));
    EXPECT_NEAR(mine.training_loss_sum, exact.training_loss_sum, 1e-4 * (1.0 + exact.training_loss_sum));
    ASSERT_EQ(mine.logits.size(), reference.logits().size());
    for (std::size_t i = 0; i < mine.logits.size(); ++i) {
      ASSERT_NEAR(double{mine.logits[i]}, reference.logits()[i], 1e-3) << i;
      ASSERT_EQ(mine.labels[i], window.labels[window.row_index[i]]) << i;
    }
  }
  const ModelState mine = cuda->snapshot();
  const ModelState its = cpu->snapshot();
  EXPECT_EQ(mine.step, its.step);
  constexpr double kNothing = 1e-6;  // both may be that far off by the last places alone
  EXPECT_LE(distance(mine.parameters, reference.parameters()),
            2.0 * distance(its.parameters, reference.parameters()) + kNothing);
  EXPECT_LE(distance(mine.first_moment, reference.first_moment()),
            2.0 * distance(its.first_moment, reference.first_moment()) + kNothing);
  EXPECT_LE(distance(mine.second_moment, reference.second_moment()),
            2.0 * distance(its.second_moment, reference.second_moment()) + kNothing);
  for (std::size_t f = 0; f < shape.features(); ++f) {
    EXPECT_EQ(mine.standardizer.count[f], its.standardizer.count[f]);
    EXPECT_NEAR(mine.standardizer.mean[f], its.standardizer.mean[f], 1e-12);
    EXPECT_NEAR(mine.standardizer.m2[f], its.standardizer.m2[f], 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Batches, CudaAgreement,
                         testing::Values(Case{1, {9, 13, 1}, 5}, Case{31, {9, 13, 7, 1}, 70},
                                         Case{32, {9, 128, 256, 128, 1}, 70}, Case{33, {9, 13, 7, 1}, 70},
                                         Case{257, {9, 33, 17, 1}, 600}, Case{1024, {9, 33, 17, 1}, 1500}));
INSTANTIATE_TEST_SUITE_P(Layers, CudaAgreement,
                         testing::Values(Case{16, {3, 1}, 40}, Case{16, {1, 1, 1}, 40},
                                         Case{16, {5, 3, 131, 1}, 40}, Case{16, {10, 7, 5, 3, 1}, 40},
                                         Case{16, {9, 21, 1, 33, 6, 1}, 40},
                                         Case{16, {9, 5, 17, 9, 33, 3, 1}, 40}));

class CudaMath : public testing::TestWithParam<MathMode> {};

// TF32 keeps 10 bits of a mantissa, bfloat16 7: single products are off by 2^-11 and 2^-8, and Adam turns
// what is off in a gradient into at most a step of another size.
TEST_P(CudaMath, StaysWithinItsBoundOfFloat64) {
  const NetworkShape shape{{9, 13, 7, 1}};
  TrainingSettings settings = settings_of(16, 1);
  settings.math = GetParam();
  const TestDevice device;
  const auto cuda = device_engine(shape, settings, 96);
  ReferenceNetwork reference(shape, settings);
  WindowOutcome mine;
  WindowOutcome exact;
  for (std::uint64_t index = 0; index < 5; ++index) {
    const SampleWindow window(index, 64, shape.features());
    mine = run_window(*cuda, window.view());
    exact = reference.run_window(window.view());
  }
  const double bound = settings.math == MathMode::tf32 ? 2e-3 : 2e-2;
  const ModelState state = cuda->snapshot();
  double length = 0;
  for (const double w : reference.parameters()) length += w * w;
  EXPECT_LE(distance(state.parameters, reference.parameters()) / std::sqrt(length), bound);
  EXPECT_NEAR(mine.loss_sum, exact.loss_sum, bound * exact.loss_sum);
  EXPECT_GT(distance(state.parameters, reference.parameters()), 1e-5) << "not the mathematics asked for";
}

INSTANTIATE_TEST_SUITE_P(Modes, CudaMath, testing::Values(MathMode::tf32, MathMode::bf16));

class CudaEngineTest : public testing::Test {
 protected:
  // The state after `windows` windows, of which `in_flight` are staged before the oldest is waited for.
  static ModelState state_after(Engine& engine, std::uint64_t first, std::uint64_t windows) {
    for (std::uint64_t index = first; index < first + windows; ++index) {
      run_window(engine, SampleWindow(index, 40, kShape.features(), 0.05).view());
    }
    return engine.snapshot();
  }

  static inline const NetworkShape kShape{{5, 13, 7, 1}};
  const TestDevice device_;
};

TEST_F(CudaEngineTest, GivesBackTheStateThatItWasGiven) {
  const auto engine = device_engine(kShape, settings_of(16), 64);
  EXPECT_EQ(engine->snapshot(), initial_model_state(kShape, 7));
  const ModelState state = state_after(*engine, 0, 2);
  const auto other = device_engine(kShape, settings_of(16), 64);
  other->restore(state);
  EXPECT_EQ(other->snapshot(), state);
}

TEST_F(CudaEngineTest, GoesOnFromItsOwnStateBitForBit) {
  const auto whole = device_engine(kShape, settings_of(16), 64);
  const ModelState expected = state_after(*whole, 0, 4);
  const auto half = device_engine(kShape, settings_of(16), 64);
  const ModelState saved = state_after(*half, 0, 2);
  const auto resumed = device_engine(kShape, settings_of(16), 64);
  resumed->restore(saved);
  EXPECT_EQ(state_after(*resumed, 2, 2), expected);
}

TEST_F(CudaEngineTest, GoesOnFromTheCpuEnginesStateAndTheOtherWayRound) {
  const auto cpu = make_cpu_engine(kShape, settings_of(16), 64, 1);
  const auto cuda = device_engine(kShape, settings_of(16), 64);
  ReferenceNetwork reference(kShape, settings_of(16));
  for (std::uint64_t index = 0; index < 6; ++index) {
    const SampleWindow window(index, 40, kShape.features());
    Engine& trains = index % 2 == 0 ? static_cast<Engine&>(*cpu) : *cuda;
    Engine& other = index % 2 == 0 ? static_cast<Engine&>(*cuda) : *cpu;
    run_window(trains, window.view());
    other.restore(trains.snapshot());
    reference.run_window(window.view());
  }
  EXPECT_EQ(cuda->snapshot().step, 6U * 2 * 3);
  EXPECT_LT(distance(cuda->snapshot().parameters, reference.parameters()), 1e-5);
}

TEST_F(CudaEngineTest, HasTwoWindowsInFlightAndKeepsAnOutcomeUntilTheNextWait) {
  const auto together = device_engine(kShape, settings_of(16), 64);
  const auto one_by_one = device_engine(kShape, settings_of(16), 64);
  ASSERT_EQ(together->windows_in_flight(), 2U);
  std::vector<StagedWindow> windows;
  for (std::uint64_t index = 0; index < 5; ++index) {
    windows.emplace_back(*together, SampleWindow(index, 40, kShape.features(), 0.05).view());
  }
  const auto begin = [&](std::size_t i) {
    together->stage(windows[i].view());
    together->score();
    together->train();
  };
  begin(0);
  begin(1);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const WindowOutcome outcome = together->wait();
    if (i + 2 < windows.size()) begin(i + 2);  // while the outcome is still looked at
    const WindowOutcome expected =
        run_window(*one_by_one, SampleWindow(i, 40, kShape.features(), 0.05).view());
    EXPECT_EQ(outcome.window, i);
    EXPECT_EQ(outcome.loss_sum, expected.loss_sum);
    EXPECT_EQ(outcome.steps, expected.steps);
    EXPECT_TRUE(std::ranges::equal(outcome.logits, expected.logits)) << i;
    EXPECT_TRUE(std::ranges::equal(outcome.labels, expected.labels)) << i;
  }
  EXPECT_EQ(together->snapshot(), one_by_one->snapshot());
}

TEST_F(CudaEngineTest, ScoresWithoutTraining) {
  const auto engine = device_engine(kShape, settings_of(16), 64);
  const ModelState before = engine->snapshot();
  for (std::uint64_t index = 0; index < 3; ++index) {
    const SampleWindow window(index, 40, kShape.features());
    const StagedWindow staged(*engine, window.view());
    engine->stage(staged.view());
    engine->score();
    const WindowOutcome outcome = engine->wait();
    EXPECT_GT(outcome.loss_sum, 0.0);
    EXPECT_EQ(outcome.steps, 0U);
    EXPECT_EQ(outcome.trained_rows, 0U);
  }
  EXPECT_EQ(engine->snapshot(), before);
}

// A row beyond all measure makes the gradient of its batch infinite: that step is dropped, by both engines,
// and the others are made.
TEST_F(CudaEngineTest, SkipsTheStepsThatAreNotFiniteAsTheCpuEngineDoes) {
  TrainingSettings settings = settings_of(8, 2);
  settings.standardize = false;
  const auto cuda = device_engine(kShape, settings, 64);
  const auto cpu = make_cpu_engine(kShape, settings, 64, 1);
  SampleWindow window(0, 40, kShape.features());
  for (std::uint32_t f = 0; f < kShape.features(); ++f) {
    window.values[window.row_index[11] * kShape.features() + f] = std::numeric_limits<float>::max();
  }
  const WindowOutcome mine = run_window(*cuda, window.view());
  const WindowOutcome its = run_window(*cpu, window.view());
  EXPECT_EQ(mine.skipped_steps, 2U);  // one in each epoch
  EXPECT_EQ(mine.skipped_steps, its.skipped_steps);
  EXPECT_EQ(mine.most_skipped_in_a_row, its.most_skipped_in_a_row);
  EXPECT_EQ(mine.steps, its.steps);
  EXPECT_EQ(mine.trained_rows, its.trained_rows);
  EXPECT_TRUE(std::isfinite(mine.training_loss_sum));
  const ModelState state = cuda->snapshot();
  EXPECT_TRUE(std::ranges::all_of(state.parameters, [](float w) { return std::isfinite(w); }));
  EXPECT_EQ(state.step, cpu->snapshot().step);
}

TEST_F(CudaEngineTest, CountsSkippedStepsInARowOverWindowsAndRestoresAsTheCpuEngineDoes) {
  TrainingSettings settings = settings_of(64, 2);
  settings.standardize = false;
  const auto cuda = device_engine(kShape, settings, 64);
  const auto cpu = make_cpu_engine(kShape, settings, 64, 1);
  const SampleWindow good(3, 40, kShape.features());
  for (std::uint64_t index = 0; index < 2; ++index) {
    SampleWindow bad(index, 40, kShape.features());
    for (std::uint32_t f = 0; f < kShape.features(); ++f) {
      bad.values[bad.row_index[11] * kShape.features() + f] = std::numeric_limits<float>::max();
    }
    for (Engine* engine : {static_cast<Engine*>(cuda.get()), cpu.get()}) {
      EXPECT_EQ(run_window(*engine, bad.view()).most_skipped_in_a_row, 2 * index + 2);
      const ModelState state = engine->snapshot();
      EXPECT_EQ(state.skipped_in_a_row, 2 * index + 2);
      engine->restore(state);
    }
  }
  for (Engine* engine : {static_cast<Engine*>(cuda.get()), cpu.get()}) {
    EXPECT_EQ(run_window(*engine, good.view()).most_skipped_in_a_row, 0U);
    EXPECT_EQ(engine->snapshot().skipped_in_a_row, 0U);
  }
}

TEST_F(CudaEngineTest, KeepsItsChoicesAsTextThatAnEngineTakesUpAgain) {
  const auto engine = device_engine(kShape, settings_of(16), 64);
  const std::string choices = engine->choices();
  EXPECT_NE(choices.find("library=cublaslt"), std::string::npos) << choices;
  EXPECT_NE(choices.find("train 16x8x16x8=mask cublaslt:"), std::string::npos) << choices;
  EXPECT_EQ(choices.find('\n'), std::string::npos);
  EXPECT_EQ(device_engine(kShape, settings_of(16), 64)->choices(), choices);
}

TEST_F(CudaEngineTest, RefusesWhatDoesNotFit) {
  const auto engine = device_engine(kShape, settings_of(16), 64);
  const SampleWindow large(0, 80, kShape.features());
  EXPECT_THROW(engine->stage(large.view()), std::invalid_argument);
  const SampleWindow wide(0, 8, kShape.features() + 1);
  EXPECT_THROW(engine->stage(wide.view()), std::invalid_argument);
  EXPECT_THROW(engine->train(), std::invalid_argument);
  EXPECT_THROW(engine->wait(), std::invalid_argument);
  EXPECT_THROW(engine->restore(initial_model_state({{5, 1}}, 1)), std::invalid_argument);
}

}  // namespace
}  // namespace millrace::test
