#include "cuda/kernels/gather_batch.h"

#include <limits>
#include <numeric>

#include "kernel_run.h"

namespace millrace::cuda {
namespace {

constexpr std::uint32_t kHoles = 3;
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// A window of which the slot has holes in front, behind and between.
struct Window {
  std::uint32_t features;
  std::vector<float> values;
  std::vector<float> labels;
  std::vector<std::uint32_t> row_index;
  std::vector<std::uint32_t> permutation;
  std::vector<double> substitute;
  std::vector<double> shift;
  std::vector<double> factor;

  Window(std::uint32_t rows, std::uint32_t columns)
      : features(columns), values(scattered(std::size_t{2} * (rows + kHoles) * columns, 1)) {
    for (std::size_t i = 0; i < values.size(); i += 7) values[i] = kMissing;
    for (std::uint32_t row = 0; row < 2 * (rows + kHoles); ++row)
      labels.push_back(row % 3 == 0 ? 1.0F : 0.25F);
    for (std::uint32_t i = 0; i < rows; ++i) {
      row_index.push_back(2 * i + kHoles);
      // Each row once: no size of the tests shares a factor with 65.
      permutation.push_back((i * 65 + 5) % rows);
    }
    for (std::uint32_t f = 0; f < features; ++f) {
      substitute.push_back(1.5 + f);
      shift.push_back(0.1 * f);
      factor.push_back(1.0 / (f + 3));
    }
  }
};

struct Batch {
  std::vector<float> input;
  std::vector<float> labels;
};

Batch expected(const Window& window, bool shuffled, const BatchRange& range, std::uint32_t capacity) {
  const std::uint32_t columns = padded_columns(window.features);
  Batch batch = {std::vector<float>(std::size_t{capacity} * columns), std::vector<float>(capacity)};
  for (std::uint32_t i = 0; i < range.count; ++i) {
    const std::uint32_t place = range.begin + i;
    const std::uint32_t row = window.row_index[shuffled ? window.permutation[place] : place];
    for (std::uint32_t f = 0; f < window.features; ++f) {
      const float x = window.values[std::size_t{row} * window.features + f];
      const double value = x == x ? static_cast<double>(x) : window.substitute[f];
      batch.input[std::size_t{i} * columns + f] =
          static_cast<float>((value - window.shift[f]) * window.factor[f]);
    }
    batch.labels[i] = window.labels[row];
  }
  return batch;
}

Batch gathered(const Window& window, bool shuffled, const BatchRange& range, std::uint32_t capacity,
               const Stream& stream) {
  const OnDevice<float> values(window.values, stream);
  const OnDevice<float> labels(window.labels, stream);
  const OnDevice<std::uint32_t> row_index(window.row_index, stream);
  const OnDevice<std::uint32_t> permutation(window.permutation, stream);
  const OnDevice<double> substitute(window.substitute, stream);
  const OnDevice<double> shift(window.shift, stream);
  const OnDevice<double> factor(window.factor, stream);
  const OnDevice<BatchRange> device_range(std::vector<BatchRange>{range}, stream);
  const OnDevice<float> input(std::size_t{capacity} * padded_columns(window.features), stream);
  const OnDevice<float> batch_labels(capacity, stream);
  gather_batch_async({values.data(), labels.data(), row_index.data(), window.features},
                     {substitute.data(), shift.data(), factor.data()},
                     shuffled ? permutation.data() : nullptr, device_range.data(),
                     {input.view(), batch_labels.view()}, stream.view());
  return {input.fetch(), batch_labels.fetch()};
}

void expect_gathered(const Window& window, bool shuffled, const BatchRange& range, std::uint32_t capacity) {
  const Batch reference = expected(window, shuffled, range, capacity);
  under_each_seed([&](const Stream& stream) {
    const Batch batch = gathered(window, shuffled, range, capacity, stream);
    EXPECT_EQ(batch.input, reference.input);
    EXPECT_EQ(batch.labels, reference.labels);
  });
}

TEST(GatherBatch, WritesTheRowsOfThePermutationScaledAndPadded) {
  for (const std::uint32_t features : {1U, 4U, 9U}) {
    for (const std::uint32_t rows : {1U, 31U, 32U, 33U, 257U}) {
      expect_gathered(Window(rows, features), true, {0, rows}, rows);
    }
  }
  const Window window(257, 9);
  expect_gathered(window, true, {64, 32}, 32);
}

TEST(GatherBatch, TakesTheWindowsOwnOrderWithoutAPermutation) {
  for (const std::uint32_t rows : {1U, 31U, 32U, 33U, 257U})
    expect_gathered(Window(rows, 9), false, {0, rows}, rows);
}

TEST(GatherBatch, LeavesZerosBeyondTheCount) {
  const Window window(257, 9);
  expect_gathered(window, true, {256, 1}, 32);
  expect_gathered(window, true, {224, 33}, 257);
  expect_gathered(window, true, {257, 0}, 31);
}

}  // namespace
}  // namespace millrace::cuda
