#include "cuda/kernels/gather_batch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "millrace/philox.h"

#include "kernel_test.h"
#include "support/sample_window.h"

namespace millrace::cuda {
namespace {

struct Scaling {
  std::vector<double> substitute, shift, factor;

  // Numbers that float32 does not have, one of them far from zero.
  explicit Scaling(std::uint32_t features) {
    for (std::uint32_t f = 0; f < features; ++f) {
      substitute.push_back(0.1 + f / 3.0);
      shift.push_back(f % 5 == 4 ? 16777217.0 : f / 7.0);
      factor.push_back(f % 5 == 4 ? 3.0 / 16777216.0 : 1.0 / (1.0 + f));
    }
  }
};

// A window whose rows stand in its slot in no order, with holes between them, and a pass over it.
struct Pass {
  test::SampleWindow window;
  Scaling scaling;
  std::vector<std::uint64_t> order;  // empty: the window's own

  Pass(std::uint32_t rows, std::uint32_t features, bool shuffled)
      : window(rows, rows, features, 0.2), scaling(features) {
    std::reverse(window.row_index.begin(), window.row_index.end());
    std::rotate(window.row_index.begin(), window.row_index.begin() + rows / 3, window.row_index.end());
    for (std::uint32_t row = 0; shuffled && row < rows; ++row) order.push_back(shuffle_key(5, 9, 2, row));
    std::sort(order.begin(), order.end());
  }

  [[nodiscard]] std::uint32_t rows() const { return static_cast<std::uint32_t>(window.row_index.size()); }
  [[nodiscard]] std::uint32_t slot_row(std::uint32_t place) const {
    return window.row_index[order.empty() ? place : order[place] & 0xffffffffU];
  }
  [[nodiscard]] float entering(std::uint32_t place, std::uint32_t f) const {
    const float x = window.values[std::size_t{slot_row(place)} * window.features + f];
    const double value = std::isnan(x) ? scaling.substitute[f] : double{x};
    return static_cast<float>((value - scaling.shift[f]) * scaling.factor[f]);
  }
};

struct Batch {
  std::vector<float> input;
  std::vector<float> labels;
  StepState state;
};

// The same on the device.
template <class T>
class DevicePass {
 public:
  DevicePass(const Pass& pass, std::uint32_t capacity, std::uint32_t columns, const Stream& stream)
      : stream_(stream),
        capacity_(capacity),
        columns_(columns),
        values_(pass.window.values, stream),
        slot_labels_(pass.window.labels, stream),
        row_index_(pass.window.row_index, stream),
        order_(pass.order, stream),
        substitute_(pass.scaling.substitute, stream),
        shift_(pass.scaling.shift, stream),
        factor_(pass.scaling.factor, stream),
        input_(std::size_t{capacity} * columns, stream),
        labels_(capacity, stream),
        state_(1, stream) {
    begin_.window = {.values = values_.data(),
                     .labels = slot_labels_.data(),
                     .row_index = row_index_.data(),
                     .features = pass.window.features,
                     .rows = pass.rows()};
    begin_.order = order_.data();
  }

  // Where the batch begins, and what else the state holds before it.
  [[nodiscard]] Batch gather(std::uint32_t next, StepState before) const {
    before.window = begin_.window;
    before.order = begin_.order;
    before.next = next;
    state_.put({before});
    const BatchRows<T> rows = {input_.data(), labels_.data(), capacity_, columns_};
    gather_batch_async<T>({substitute_.data(), shift_.data(), factor_.data()}, rows, state_.data(),
                          stream_.view());
    return {widened(input_.fetch()), labels_.fetch(), state_.fetch()[0]};
  }

 private:
  const Stream& stream_;
  const std::uint32_t capacity_;
  const std::uint32_t columns_;
  OnDevice<float> values_, slot_labels_;
  OnDevice<std::uint32_t> row_index_;
  OnDevice<std::uint64_t> order_;
  OnDevice<double> substitute_, shift_, factor_;
  OnDevice<T> input_;
  OnDevice<float> labels_;
  OnDevice<StepState> state_;
  StepState begin_{};
};

template <class T>
class GatherBatch : public testing::Test {};
TYPED_TEST_SUITE(GatherBatch, Elements);

// A batch of `capacity` from `next` on: what the kernel wrote against the formula, in double.
template <class T>
void expect_batch(const Pass& pass, std::uint32_t next, std::uint32_t columns, const Batch& batch) {
  const std::uint32_t features = pass.window.features;
  for (std::uint32_t i = 0; i < batch.labels.size(); ++i) {
    SCOPED_TRACE("row " + std::to_string(i));
    const bool taken = next + i < pass.rows();
    ASSERT_EQ(batch.labels[i], taken ? pass.window.labels[pass.slot_row(next + i)] : 0.0F);
    for (std::uint32_t k = 0; k < columns; ++k) {
      const float expected = taken && k < features ? pass.entering(next + i, k) : 0.0F;
      ASSERT_EQ(batch.input[std::size_t{i} * columns + k], widened(rounded_to<T>(expected)))
          << "column " << k;
    }
  }
}

// The next multiple of four, or the one after it.
std::uint32_t padded(std::uint32_t features, bool more) { return (features + 3) / 4 * 4 + (more ? 4 : 0); }

TYPED_TEST(GatherBatch, TakesTheNextRowsOfThePassScaledWithZerosBeyondThem) {
  for (const std::uint32_t rows : kOddRows) {
    for (const std::uint32_t features : {1U, 4U, 9U, 131U}) {
      SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(features));
      const std::uint32_t columns = padded(features, rows > 31);
      for (const bool shuffled : {false, true}) {
        const Pass pass(rows, features, shuffled);
        under_each_seed([&](const Stream& stream) {
          const DevicePass<TypeParam> device(pass, 32, columns, stream);
          for (std::uint32_t next = 0; next <= rows; next += 32) {
            expect_batch<TypeParam>(pass, next, columns, device.gather(next, {}));
          }
        });
      }
    }
  }
}

TYPED_TEST(GatherBatch, TakesTheSameRowsInBatchesOfAnySize) {
  const Pass pass(257, 9, true);
  const auto whole_pass = [&](std::uint32_t capacity, const Stream& stream) {
    const DevicePass<TypeParam> device(pass, capacity, 12, stream);
    std::vector<float> input;
    for (std::uint32_t next = 0; next < pass.rows(); next += capacity) {
      const Batch batch = device.gather(next, {});
      input.insert(input.end(), batch.input.begin(), batch.input.end());
    }
    input.resize(std::size_t{257} * 12);
    return input;
  };
  under_each_seed([&](const Stream& stream) {
    const std::vector<float> together = whole_pass(257, stream);
    for (const std::uint32_t capacity : {31U, 64U, 300U}) EXPECT_EQ(whole_pass(capacity, stream), together);
  });
}

TEST(GatherBatchState, NotesWhichRowsItTookAndLowersTheGuard) {
  const Pass pass(33, 3, false);
  StepState before{};
  before.begin = 77;
  before.count = 88;
  before.guard = 1;
  under_each_seed([&](const Stream& stream) {
    const DevicePass<float> device(pass, 32, 4, stream);
    for (const auto& [next, count] : {std::pair(0U, 32U), {1U, 32U}, {2U, 31U}, {32U, 1U}, {33U, 0U}}) {
      const StepState after = device.gather(next, before).state;
      EXPECT_EQ(after.begin, next);
      EXPECT_EQ(after.count, count);
      EXPECT_EQ(after.guard, 0U);
      EXPECT_EQ(after.next, next) << "who finishes the batch goes on to the next one";
    }
  });
}

TEST(GatherBatchState, TouchesNothingOfTheSumsAndTheStep) {
  const Pass pass(5, 3, false);
  StepState before{};
  before.step = 12;
  before.step_size = 0.25;
  before.sums = {.scoring = {1.5, 2, 3}, .training = {4.5, 5, 6}, .steps = 7, .skipped_steps = 8};
  under_each_seed([&](const Stream& stream) {
    const StepState after = DevicePass<float>(pass, 4, 4, stream).gather(0, before).state;
    EXPECT_EQ(after.step, 12U);
    EXPECT_EQ(after.step_size, 0.25);
    EXPECT_EQ(after.sums.scoring.loss, 1.5);
    EXPECT_EQ(after.sums.training.rows, 6U);
    EXPECT_EQ(after.sums.steps, 7U);
    EXPECT_EQ(after.sums.skipped_steps, 8U);
  });
}

}  // namespace
}  // namespace millrace::cuda
