#include "cuda/kernels/step_state.h"

#include <vector>

#include "kernel_test.h"

namespace millrace::cuda {
namespace {

// Nothing follows these pointers.
template <class T>
T* made_up(std::uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

StepState busy() {
  StepState state{};
  state.window = {made_up<float>(16), made_up<float>(32), made_up<std::uint32_t>(48), 5, 6};
  state.scores = {made_up<float>(64), made_up<float>(80)};
  state.order = made_up<std::uint64_t>(96);
  state.next = 1;
  state.begin = 2;
  state.count = 3;
  state.guard = 1;
  state.step = 4;
  state.step_size = 0.5;
  state.sums = {.scoring = {1.5, 2, 3}, .training = {4.5, 5, 6}, .steps = 7, .skipped_steps = 8};
  return state;
}

TEST(StepState, IsOfTheNewWindowFromItsFirstRowInItsOwnOrder) {
  const DeviceWindow window = {made_up<float>(160), made_up<float>(320), made_up<std::uint32_t>(480), 50, 60};
  const ScoreTarget scores = {made_up<float>(640), made_up<float>(800)};
  under_each_seed([&](const Stream& stream) {
    const OnDevice<StepState> state(std::vector{busy()}, stream);
    begin_window_async(window, scores, state.data(), stream.view());
    const StepState after = state.fetch()[0];
    EXPECT_EQ(after.window.values, window.values);
    EXPECT_EQ(after.window.labels, window.labels);
    EXPECT_EQ(after.window.row_index, window.row_index);
    EXPECT_EQ(after.window.features, 50U);
    EXPECT_EQ(after.window.rows, 60U);
    EXPECT_EQ(after.scores.logits, scores.logits);
    EXPECT_EQ(after.scores.labels, scores.labels);
    EXPECT_EQ(after.order, nullptr);
    EXPECT_EQ(after.next, 0U);
  });
}

TEST(StepState, HasNoSumsWhenAWindowBeginsAndStillItsStep) {
  under_each_seed([&](const Stream& stream) {
    const OnDevice<StepState> state(std::vector{busy()}, stream);
    begin_window_async({}, {}, state.data(), stream.view());
    const StepState after = state.fetch()[0];
    for (const LossSums& sums : {after.sums.scoring, after.sums.training}) {
      EXPECT_EQ(sums.loss, 0.0);
      EXPECT_EQ(sums.correct, 0U);
      EXPECT_EQ(sums.rows, 0U);
    }
    EXPECT_EQ(after.sums.steps, 0U);
    EXPECT_EQ(after.sums.skipped_steps, 0U);
    EXPECT_EQ(after.step, busy().step);
  });
}

TEST(StepState, GoesOverTheSameWindowOnceMoreInThePassesOrder) {
  const auto* order = made_up<std::uint64_t>(960);
  under_each_seed([&](const Stream& stream) {
    const OnDevice<StepState> state(std::vector{busy()}, stream);
    begin_pass_async(order, state.data(), stream.view());
    const StepState after = state.fetch()[0];
    EXPECT_EQ(after.order, order);
    EXPECT_EQ(after.next, 0U);
    EXPECT_EQ(after.window.values, busy().window.values);
    EXPECT_EQ(after.window.rows, busy().window.rows);
    EXPECT_EQ(after.scores.logits, busy().scores.logits);
    EXPECT_EQ(after.sums.scoring.loss, busy().sums.scoring.loss);
    EXPECT_EQ(after.sums.training.rows, busy().sums.training.rows);
    EXPECT_EQ(after.sums.steps, busy().sums.steps);
    EXPECT_EQ(after.step, busy().step);
  });
}

}  // namespace
}  // namespace millrace::cuda
