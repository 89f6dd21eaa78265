#include "engine/cpu_engine.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <tuple>

#include "support/reference_network.h"
#include "support/sample_window.h"

namespace millrace {
namespace {

using test::ReferenceNetwork;
using test::SampleWindow;
using ::testing::Combine;
using ::testing::MatchesRegex;
using ::testing::Values;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TrainingSettings settings_with(std::uint32_t batch, std::uint32_t epochs = 2, bool standardize = false) {
  TrainingSettings settings;
  settings.batch = batch;
  settings.epochs = epochs;
  settings.standardize = standardize;
  return settings;
}

WindowOutcome run_window(Engine& engine, const SampleWindow& window) {
  engine.stage(window.view());
  engine.score();
  engine.train();
  return engine.wait();
}

WindowOutcome score_window(Engine& engine, const SampleWindow& window) {
  engine.stage(window.view());
  engine.score();
  return engine.wait();
}

// The bits of a state, NaNs and signs of zeros included.
std::string bits_of(const ModelState& state) {
  std::string bits;
  const auto add = [&bits](const auto& values) {
    bits.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
  };
  add(state.parameters);
  add(state.first_moment);
  add(state.second_moment);
  add(state.standardizer.count);
  add(state.standardizer.mean);
  add(state.standardizer.m2);
  return bits + std::to_string(state.step);
}

double distance(std::span<const float> values, std::span<const double> expected) {
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    squares += (values[i] - expected[i]) * (values[i] - expected[i]);
  return std::sqrt(squares);
}

double norm(std::span<const double> values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

// Shapes, batch sizes, threads, standardize or not.
class CpuEngineAgainstReference
    : public ::testing::TestWithParam<std::tuple<std::vector<std::uint32_t>, std::uint32_t, int, bool>> {};

// Odd widths, 1 to 6 layers, and batch sizes about the powers of two.
INSTANTIATE_TEST_SUITE_P(
    Shapes, CpuEngineAgainstReference,
    Combine(Values(std::vector<std::uint32_t>{5, 1}, std::vector<std::uint32_t>{9, 33, 1},
                   std::vector<std::uint32_t>{1, 17, 1, 1}, std::vector<std::uint32_t>{7, 31, 65, 13, 1},
                   std::vector<std::uint32_t>{11, 19, 23, 16, 3, 1},
                   std::vector<std::uint32_t>{3, 12, 7, 64, 5, 9, 1}),
            Values(1U, 31U, 32U, 33U, 257U), Values(1, 2), ::testing::Bool()));

// Wide enough for the threads to divide layers between them.
INSTANTIATE_TEST_SUITE_P(WideShapes, CpuEngineAgainstReference,
                         Combine(Values(std::vector<std::uint32_t>{9, 128, 250, 120, 1},
                                        std::vector<std::uint32_t>{9, 1025, 1},
                                        std::vector<std::uint32_t>{70, 128, 100, 200, 128, 96, 1}),
                                 Values(32U, 97U), Values(1, 2, 3), Values(true)));

TEST_P(CpuEngineAgainstReference, TrainsAsThePlainNetworkDoes) {
  const auto& [widths, batch, threads, standardize] = GetParam();
  const NetworkShape shape = {widths};
  const TrainingSettings settings = settings_with(batch, 2, standardize);
  const std::uint32_t max_rows = batch == 1 ? 24 : 2 * batch + 5;
  const auto engine = make_cpu_engine(shape, settings, max_rows, threads);
  ReferenceNetwork reference(shape, settings);

  // Whole batches, a last partial one, and a window smaller than a batch.
  std::uint64_t index = 0;
  for (const std::uint32_t rows : {max_rows, (max_rows + 1) / 2, 3U}) {
    const SampleWindow window(index++, rows, shape.features(), 0.1);
    const WindowOutcome outcome = run_window(*engine, window);
    const WindowOutcome expected = reference.run_window(window.view());
    EXPECT_EQ(outcome.window, expected.window);
    EXPECT_EQ(outcome.rows, rows);
    EXPECT_EQ(outcome.steps, expected.steps);
    EXPECT_EQ(outcome.trained_rows, expected.trained_rows);
    EXPECT_EQ(outcome.skipped_steps, 0U);
    EXPECT_EQ(outcome.correct, expected.correct);
    EXPECT_NEAR(outcome.loss_sum, expected.loss_sum, 2e-5 * expected.loss_sum);
    EXPECT_NEAR(outcome.training_loss_sum, expected.training_loss_sum, 2e-5 * expected.training_loss_sum);
    ASSERT_EQ(outcome.logits.size(), rows);
    for (std::uint32_t i = 0; i < rows; ++i) {
      EXPECT_NEAR(outcome.logits[i], reference.logits()[i], 5e-5);
      EXPECT_EQ(outcome.labels[i], window.labels[window.row_index[i]]);
    }
  }
  const ModelState state = engine->snapshot();
  EXPECT_LT(distance(state.parameters, reference.parameters()), 2e-5 * norm(reference.parameters()));
  EXPECT_LT(distance(state.first_moment, reference.first_moment()), 2e-4 * norm(reference.first_moment()));
  EXPECT_LT(distance(state.second_moment, reference.second_moment()), 2e-4 * norm(reference.second_moment()));
}

std::string bits_after_training(int threads, std::uint32_t batch) {
  const auto engine = make_cpu_engine({{9, 128, 256, 128, 1}}, settings_with(batch), 300, threads);
  for (std::uint64_t index = 0; index < 3; ++index) run_window(*engine, SampleWindow(index, 300, 9, 0.05));
  return bits_of(engine->snapshot());
}

TEST(CpuEngine, GivesTheSameBitsForTheSameWindows) {
  for (const int threads : {1, 2, 3}) {
    for (const std::uint32_t batch : {32U, 150U}) {
      EXPECT_EQ(bits_after_training(threads, batch), bits_after_training(threads, batch))
          << threads << ' ' << batch;
    }
  }
}

TEST(CpuEngine, ScoringChangesNothing) {
  const auto engine = make_cpu_engine({{9, 33, 1}}, settings_with(32, 2, true), 100, 1);
  run_window(*engine, SampleWindow(0, 100, 9));
  const std::string before = bits_of(engine->snapshot());
  const WindowOutcome outcome = score_window(*engine, SampleWindow(1, 77, 9, 0.1));
  EXPECT_EQ(bits_of(engine->snapshot()), before);
  EXPECT_EQ(outcome.steps, 0U);
  EXPECT_EQ(outcome.trained_rows, 0U);
  EXPECT_EQ(outcome.training_loss_sum, 0.0);
}

// Weights and standardizer from before the window: what a window is told of itself does not depend on itself.
TEST(CpuEngine, ScoresAWindowBeforeItTakesItInOrTrainsIt) {
  const TrainingSettings settings = settings_with(16, 3, true);
  const auto trained = make_cpu_engine({{6, 20, 1}}, settings, 64, 1);
  const auto only_scored = make_cpu_engine({{6, 20, 1}}, settings, 64, 1);
  for (std::uint64_t index = 0; index < 3; ++index) {
    const SampleWindow window(index, 64, 6, 0.1);
    only_scored->restore(trained->snapshot());
    const WindowOutcome alone = score_window(*only_scored, window);
    const WindowOutcome outcome = run_window(*trained, window);
    EXPECT_EQ(std::vector(outcome.logits.begin(), outcome.logits.end()),
              std::vector(alone.logits.begin(), alone.logits.end()));
    EXPECT_EQ(outcome.loss_sum, alone.loss_sum);
    EXPECT_EQ(outcome.correct, alone.correct);
  }
}

TEST(CpuEngine, AWindowOfOneRowIsTrainedInEachEpoch) {
  const auto engine = make_cpu_engine({{4, 8, 1}}, settings_with(32, 3), 10, 1);
  const WindowOutcome outcome = run_window(*engine, SampleWindow(0, 1, 4));
  EXPECT_EQ(outcome.steps, 3U);
  EXPECT_EQ(outcome.trained_rows, 3U);
  EXPECT_EQ(engine->snapshot().step, 3U);
}

TEST(CpuEngine, OutcomeOutlivesTheNextScoringUntilTheNextWait) {
  const auto engine = make_cpu_engine({{4, 8, 1}}, settings_with(32), 40, 1);
  const WindowOutcome first = run_window(*engine, SampleWindow(0, 40, 4));
  const std::vector<float> logits(first.logits.begin(), first.logits.end());
  const std::vector<float> labels(first.labels.begin(), first.labels.end());
  const SampleWindow next(1, 40, 4);
  engine->stage(next.view());
  engine->score();
  engine->train();
  EXPECT_TRUE(std::equal(logits.begin(), logits.end(), first.logits.begin()));
  EXPECT_TRUE(std::equal(labels.begin(), labels.end(), first.labels.begin()));
  engine->wait();
}

// The logit of a network without hidden layers gives the input away: w·x.
TEST(CpuEngine, CountsAMissingValueAsTheRunningMean) {
  TrainingSettings settings = settings_with(32, 1);
  settings.learning_rate = 0;  // the weights stay
  const auto engine = make_cpu_engine({{1, 1}}, settings, 8, 1);
  const double weight = engine->snapshot().parameters[0];
  SampleWindow missing(0, 1, 1);
  missing.values[missing.row_index[0]] = kNaN;
  EXPECT_EQ(score_window(*engine, missing).logits[0], 0.0F);  // nothing was seen yet

  SampleWindow seen(0, 2, 1);
  seen.values[seen.row_index[0]] = 3;
  seen.values[seen.row_index[1]] = 5;
  run_window(*engine, seen);
  EXPECT_NEAR(score_window(*engine, missing).logits[0], 4 * weight, 1e-6);
}

TEST(CpuEngine, AMissingValueIsZeroAfterScaling) {
  TrainingSettings settings = settings_with(32, 1, true);
  settings.learning_rate = 0;
  const auto engine = make_cpu_engine({{1, 1}}, settings, 8, 1);
  SampleWindow seen(0, 2, 1);
  seen.values[seen.row_index[0]] = 3;
  seen.values[seen.row_index[1]] = 5;
  run_window(*engine, seen);
  SampleWindow missing(1, 1, 1);
  missing.values[missing.row_index[0]] = kNaN;
  EXPECT_EQ(score_window(*engine, missing).logits[0], 0.0F);
}

TEST(CpuEngine, KeepsWhatIsNotFiniteOutOfTheState) {
  for (const float bad : {kInfinity, -kInfinity, 3e38F}) {
    const int threads = bad > 0 ? 2 : 1;
    const auto engine = make_cpu_engine({{9, 128, 256, 128, 1}}, settings_with(32, 1), 96, threads);
    run_window(*engine, SampleWindow(0, 96, 9));
    SampleWindow window(1, 96, 9);
    window.values[window.row_index[40] * 9 + 3] = bad;
    const WindowOutcome outcome = run_window(*engine, window);
    EXPECT_EQ(outcome.skipped_steps, 1U) << bad;
    EXPECT_EQ(outcome.steps, 2U) << bad;
    EXPECT_EQ(outcome.trained_rows, 64U) << bad;
    EXPECT_TRUE(std::isfinite(outcome.training_loss_sum));
    const ModelState state = engine->snapshot();
    EXPECT_EQ(state.step, 3U + 2U) << bad;
    for (const std::vector<float>* values : {&state.parameters, &state.first_moment, &state.second_moment}) {
      EXPECT_TRUE(std::all_of(values->begin(), values->end(), [](float value) {
        return std::isfinite(value);
      })) << bad;
    }
  }
}

// The row whose value is beyond all bounds is on the right side already and adds nothing to the gradient.
TEST(CpuEngine, DropsNoUpdateWhoseGradientIsFiniteAfterAll) {
  const auto engine = make_cpu_engine({{1, 1}}, settings_with(32, 1), 8, 2);
  SampleWindow window(0, 2, 1);
  const float weight = engine->snapshot().parameters[0];
  window.values[window.row_index[0]] = 3e30F;
  window.labels[window.row_index[0]] = weight > 0 ? 1 : 0;
  window.values[window.row_index[1]] = 1;
  const WindowOutcome outcome = run_window(*engine, window);
  EXPECT_EQ(outcome.steps, 1U);
  EXPECT_NE(engine->snapshot().parameters[0], weight);
}

TEST(CpuEngine, ASkippedBatchLeavesTheStateAsItWas) {
  const auto engine = make_cpu_engine({{5, 16, 1}}, settings_with(32, 2), 20, 1);
  run_window(*engine, SampleWindow(0, 20, 5));
  const ModelState before = engine->snapshot();
  SampleWindow window(1, 20, 5);
  window.values[window.row_index[7] * 5] = kInfinity;
  const WindowOutcome outcome = run_window(*engine, window);
  EXPECT_EQ(outcome.skipped_steps, 2U);
  EXPECT_EQ(outcome.most_skipped_in_a_row, 2U);
  const ModelState after = engine->snapshot();
  EXPECT_EQ(after.parameters, before.parameters);
  EXPECT_EQ(after.first_moment, before.first_moment);
  EXPECT_EQ(after.second_moment, before.second_moment);
  EXPECT_EQ(after.step, before.step);
  EXPECT_EQ(after.skipped_in_a_row, 2U);

  // And nothing of it lingers in a buffer: the next window trains as if it had not been there.
  const auto fresh = make_cpu_engine({{5, 16, 1}}, settings_with(32, 2), 20, 1);
  fresh->restore(after);
  run_window(*engine, SampleWindow(2, 3, 5));
  run_window(*fresh, SampleWindow(2, 3, 5));
  EXPECT_EQ(bits_of(engine->snapshot()), bits_of(fresh->snapshot()));
}

TEST(CpuEngine, GoesOnFromASnapshotAsIfNeverStopped) {
  for (const std::vector<std::uint32_t>& widths :
       {std::vector<std::uint32_t>{9, 128, 256, 128, 1}, {7, 33, 5, 1}, {3, 1}}) {
    const NetworkShape shape = {widths};
    const TrainingSettings settings = settings_with(31, 2, true);
    const auto uninterrupted = make_cpu_engine(shape, settings, 150, 1);
    for (std::uint64_t index = 0; index < 2; ++index) {
      run_window(*uninterrupted, SampleWindow(index, 150, shape.features(), 0.1));
    }
    const auto resumed = make_cpu_engine(shape, settings, 150, 1);
    resumed->restore(uninterrupted->snapshot());
    EXPECT_EQ(bits_of(resumed->snapshot()), bits_of(uninterrupted->snapshot()));
    for (std::uint64_t index = 2; index < 4; ++index) {
      run_window(*uninterrupted, SampleWindow(index, 150, shape.features(), 0.1));
      run_window(*resumed, SampleWindow(index, 150, shape.features(), 0.1));
    }
    EXPECT_EQ(bits_of(resumed->snapshot()), bits_of(uninterrupted->snapshot()));
  }
}

TEST(CpuEngine, StartsWithTheInitialModelState) {
  const NetworkShape shape = {{9, 33, 17, 1}};
  TrainingSettings settings;
  settings.seed = 99;
  EXPECT_EQ(bits_of(make_cpu_engine(shape, settings, 8, 1)->snapshot()),
            bits_of(initial_model_state(shape, 99)));
}

TEST(CpuEngine, LearnsWhatCanBeLearned) {
  const auto engine = make_cpu_engine({{9, 128, 256, 128, 1}}, settings_with(32, 3), 1024, 1);
  for (std::uint64_t index = 0; index < 5; ++index) run_window(*engine, SampleWindow(index, 1024, 9));
  EXPECT_GT(score_window(*engine, SampleWindow(5, 1024, 9)).correct, 900U);
}

TEST(CpuEngine, HandsOutAlignedMemory) {
  const auto engine = make_cpu_engine({{2, 1}}, {}, 8, 1);
  const HostBuffer buffer = engine->allocate_host(1000);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.get()) % 64, 0U);
  std::memset(buffer.get(), 1, 1000);
}

TEST(CpuEngine, SaysWhatItRunsOn) {
  EXPECT_THAT(make_cpu_engine({{2, 1}}, {}, 8, 1)->description(), MatchesRegex("cpu, [a-z0-9]+, 1 thread"));
  EXPECT_THAT(make_cpu_engine({{2, 1}}, {}, 8, 2)->description(), MatchesRegex("cpu, [a-z0-9]+, 2 threads"));
}

TEST(CpuEngine, RefusesCallsOutOfOrderAndWindowsThatDoNotFit) {
  const auto engine = make_cpu_engine({{4, 8, 1}}, {}, 10, 1);
  EXPECT_THROW(engine->score(), std::invalid_argument);
  EXPECT_THROW(engine->wait(), std::invalid_argument);
  const SampleWindow too_long(0, 11, 4), too_wide(0, 5, 3), window(0, 5, 4);
  EXPECT_THROW(engine->stage(too_long.view()), std::invalid_argument);
  EXPECT_THROW(engine->stage(too_wide.view()), std::invalid_argument);
  engine->stage(window.view());
  EXPECT_THROW(engine->stage(window.view()), std::invalid_argument);
  EXPECT_THROW(engine->train(), std::invalid_argument);
  engine->score();
  EXPECT_THROW(static_cast<void>(engine->snapshot()), std::invalid_argument);
  engine->wait();
  EXPECT_THROW(engine->restore(initial_model_state({{4, 9, 1}}, 1)), std::invalid_argument);
}

}  // namespace
}  // namespace millrace
