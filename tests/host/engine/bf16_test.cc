// Products of bfloat16: the kernels against plain products of rounded numbers, and training against training
// in float32.
#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <span>
#include <vector>

#include "engine/blocked.h"
#include "engine/cpu_engine.h"
#include "engine/vector_kernels.h"
#include "support/sample_window.h"

namespace millrace {
namespace {

using test::SampleWindow;

class Bf16Test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (bf16_kernels() == nullptr) GTEST_SKIP() << "the processor has no instructions for it";
  }

  // [rows][32].
  std::vector<float> random_rows(std::size_t rows) {
    std::vector<float> floats(rows * kBlock);
    for (float& value : floats) value = uniform_(random_);
    return floats;
  }

  // To the nearest number of 8 bits, to the even one of two that are as near.
  static double rounded(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return std::bit_cast<float>((bits + 0x7FFFU + (bits >> 16 & 1U)) & 0xFFFF0000U);
  }
  static double at(const std::vector<float>& rows, std::size_t row, std::size_t column) {
    return rounded(rows[row * kBlock + column]);
  }

  // As they are, and in pairs, of `blocks` matrices one after another.
  static std::vector<float> to_bf16(const std::vector<float>& rows) {
    std::vector<float> halves(rows.size() / 2);
    bf16_kernels()->to_bf16(rows.data(), rows.size() / kBlock, halves.data());
    return halves;
  }
  static std::vector<float> in_pairs(const std::vector<float>& rows) {
    std::vector<float> pairs(rows.size() / 2 + kBlock);
    bf16_kernels()->to_bf16_pairs(rows.data(), rows.size() / kBlock, pairs.data());
    return pairs;
  }

  static constexpr double kTolerance = 2e-5;

 private:
  std::mt19937 random_{1};
  std::uniform_real_distribution<float> uniform_{-1.0F, 1.0F};
};

TEST_F(Bf16Test, RoundsToTheNearest) {
  const auto rows = random_rows(3);
  const auto halves = to_bf16(rows);
  const auto pairs = in_pairs(rows);
  std::vector<std::uint16_t> half(rows.size()), pair(4 * kBlock);
  std::memcpy(half.data(), halves.data(), half.size() * 2);
  std::memcpy(pair.data(), pairs.data(), pair.size() * 2);
  const auto value = [](std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); };
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t c = 0; c < kBlock; ++c) {
      const double expected = r < 3 ? at(rows, r, c) : 0.0;
      if (r < 3) {
        EXPECT_EQ(value(half[r * kBlock + c]), expected);
      }
      EXPECT_EQ(value(pair[r / 2 * 2 * kBlock + 2 * c + r % 2]), expected);
    }
  }
}

TEST_F(Bf16Test, DenseMultipliesRoundedNumbers) {
  for (const std::size_t inputs : {1U, 9U, 31U, 128U}) {
    const auto x = random_rows(inputs), w = random_rows(inputs), bias = random_rows(1);
    std::vector<float> y(kBlock * kBlock);
    const auto x_pairs = in_pairs(x), w_pairs = in_pairs(w);
    bf16_kernels()->dense({x_pairs.data(), w_pairs.data(), bias.data(), inputs, 29, true, y.data()}, kBlock);
    for (std::size_t o = 0; o < 29; ++o) {
      for (std::size_t r = 0; r < kBlock; ++r) {
        double sum = bias[o];
        for (std::size_t k = 0; k < inputs; ++k) sum += at(w, k, o) * at(x, k, r);
        ASSERT_NEAR(y[o * kBlock + r], std::max(sum, 0.0), kTolerance);
      }
    }
  }
}

TEST_F(Bf16Test, DataGradientMultipliesRoundedNumbers) {
  for (const std::size_t outputs : {1U, 31U, 32U, 65U}) {
    constexpr std::size_t kInputs = 13;
    const auto dy = random_rows(outputs), w = random_rows(kInputs * blocks_of(outputs));
    const auto dy_pairs = in_pairs(dy), w_rounded = to_bf16(w);
    std::vector<float> dx(kInputs * kBlock);
    bf16_kernels()->data_gradient(
        {w_rounded.data(), kInputs * kBlock / 2, dy_pairs.data(), outputs, kInputs, nullptr, dx.data()},
        kBlock);
    for (std::size_t k = 0; k < kInputs; ++k) {
      for (std::size_t r = 0; r < kBlock; ++r) {
        double sum = 0;
        for (std::size_t o = 0; o < outputs; ++o)
          sum += at(w, o / kBlock * kInputs + k, o % kBlock) * at(dy, o, r);
        ASSERT_NEAR(dx[k * kBlock + r], sum, kTolerance);
      }
    }
  }
}

TEST_F(Bf16Test, WeightGradientMultipliesRoundedNumbersOfTheRowsThereAre) {
  for (const std::size_t rows : {1U, 31U, 32U}) {
    constexpr std::size_t kInputs = 11;
    const auto x = random_rows(kInputs), dy = random_rows(rows);
    const auto x_rounded = to_bf16(x), dy_pairs = in_pairs(dy);
    std::vector<float> dw(kInputs * kBlock);
    bf16_kernels()->weight_gradient(
        {x_rounded.data(), 0, dy_pairs.data(), 0, rows, kInputs, false, dw.data()});
    for (std::size_t k = 0; k < kInputs; ++k) {
      for (std::size_t o = 0; o < kBlock; ++o) {
        double sum = 0;
        for (std::size_t r = 0; r < rows; ++r) sum += at(x, k, r) * at(dy, r, o);
        ASSERT_NEAR(dw[k * kBlock + o], sum, kTolerance);
      }
    }
  }
}

struct Trained {
  ModelState state;
  double loss = 0;            // prequential, of the last window
  std::uint64_t correct = 0;  // likewise
};

Trained train(MathMode math, const NetworkShape& shape, std::uint32_t batch, int threads) {
  TrainingSettings settings;
  settings.batch = batch;
  settings.math = math;
  constexpr std::uint32_t kRows = 250;
  const auto engine = make_cpu_engine(shape, settings, kRows, threads);
  Trained trained;
  for (std::uint64_t index = 0; index < 3; ++index) {
    const SampleWindow window(index, kRows, shape.features(), 0.05);
    engine->stage(window.view());
    engine->score();
    engine->train();
    const WindowOutcome outcome = engine->wait();
    trained.loss = outcome.loss_sum / kRows;
    trained.correct = outcome.correct;
  }
  trained.state = engine->snapshot();
  return trained;
}

double distance(std::span<const float> a, std::span<const float> b) {
  double apart = 0, length = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    apart += std::pow(double{a[i]} - b[i], 2);
    length += std::pow(double{b[i]}, 2);
  }
  return std::sqrt(apart / length);
}

TEST_F(Bf16Test, TrainsNearlyAsFloat32Does) {
  struct Case {
    NetworkShape shape;
    std::uint32_t batch;
    int threads;
  };
  for (const auto& [shape, batch, threads] :
       {Case{{{9, 128, 256, 128, 1}}, 32, 1}, Case{{{9, 128, 256, 128, 1}}, 31, 2},
        Case{{{9, 33, 65, 1}}, 31, 1}, Case{{{9, 33, 65, 1}}, 200, 2}, Case{{{9, 1025, 1}}, 32, 2}}) {
    const Trained rounded = train(MathMode::bf16, shape, batch, threads);
    const Trained exact = train(MathMode::fp32, shape, batch, threads);
    EXPECT_LT(distance(rounded.state.parameters, exact.state.parameters), 0.1);
    EXPECT_GT(distance(rounded.state.parameters, exact.state.parameters), 0.0);
    EXPECT_NEAR(rounded.loss, exact.loss, 0.02);
    EXPECT_NEAR(static_cast<double>(rounded.correct), static_cast<double>(exact.correct), 8);
  }
}

TEST_F(Bf16Test, GivesTheSameBitsForTheSameWindows) {
  for (const int threads : {1, 2}) {
    EXPECT_EQ(train(MathMode::bf16, {{9, 128, 256, 128, 1}}, 32, threads).state,
              train(MathMode::bf16, {{9, 128, 256, 128, 1}}, 32, threads).state);
  }
}

TEST_F(Bf16Test, GoesOnFromASnapshotAsIfNeverStopped) {
  TrainingSettings settings;
  settings.math = MathMode::bf16;
  const NetworkShape shape = {{9, 128, 256, 128, 1}};
  const auto uninterrupted = make_cpu_engine(shape, settings, 100, 2);
  const auto resumed = make_cpu_engine(shape, settings, 100, 2);
  for (std::uint64_t index = 0; index < 3; ++index) {
    resumed->restore(uninterrupted->snapshot());
    const SampleWindow window(index, 100, 9);
    for (Engine* engine : {uninterrupted.get(), resumed.get()}) {
      engine->stage(window.view());
      engine->score();
      engine->train();
      engine->wait();
    }
    EXPECT_EQ(resumed->snapshot(), uninterrupted->snapshot());
  }
}

}  // namespace
}  // namespace millrace
