#include "cuda/kernels/logistic_loss.h"

#include <cmath>
#include <limits>

#include "kernel_run.h"

namespace millrace::cuda {
namespace {

struct Layer {
  std::uint32_t width;
  std::uint32_t leading;
  std::vector<float> activation;  // what lies beyond the width must not matter
  std::vector<float> weights;
  std::vector<float> bias;
  std::vector<float> labels;

  Layer(std::size_t capacity, std::uint32_t columns, float magnitude)
      : width(columns),
        leading((columns + 3) / 4 * 4),
        activation(scattered(capacity * leading, 1)),
        weights(scattered(columns, 2)),
        bias{0.125F} {
    for (float& weight : weights) weight *= magnitude;
    for (std::size_t row = 0; row < capacity; ++row) {
      for (std::size_t k = width; k < leading; ++k) {
        activation[row * leading + k] = std::numeric_limits<float>::quiet_NaN();
      }
      labels.push_back(row % 3 == 0 ? 1.0F : row % 3 == 1 ? 0.0F : 0.75F);
    }
  }
};

struct Outcome {
  std::vector<float> logits;
  std::vector<float> gradients;
  LossSums sums;
  unsigned guard;

  bool operator==(const Outcome& other) const {
    return logits == other.logits && gradients == other.gradients && sums.loss == other.sums.loss &&
           sums.correct == other.sums.correct && sums.rows == other.sums.rows && guard == other.guard;
  }
};

enum class Guard { none, down, raised };

Outcome run(const Layer& layer, std::uint32_t count, Guard use, int times, const Stream& stream) {
  const std::size_t capacity = layer.labels.size();
  const OnDevice<float> activation(layer.activation, stream);
  const OnDevice<float> weights(layer.weights, stream);
  const OnDevice<float> bias(layer.bias, stream);
  const OnDevice<float> labels(layer.labels, stream);
  const OnDevice<std::uint32_t> rows(std::vector<std::uint32_t>{count}, stream);
  const OnDevice<float> logits(capacity, stream);
  const OnDevice<float> gradients(capacity, stream);
  const OnDevice<LossPart> parts(loss_parts(capacity), stream);
  const OnDevice<LossSums> sums(std::vector<LossSums>{{0.0, 0, 0}}, stream);
  const OnDevice<unsigned> guard(std::vector<unsigned>{use == Guard::raised ? 1U : 0U}, stream);
  for (int i = 0; i < times; ++i) {
    logistic_loss_async({activation.data(), weights.data(), bias.data(), layer.width, layer.leading},
                        labels.view(), rows.data(), {logits.view(), gradients.view(), parts.view()},
                        stream.view());
    add_losses_async(parts.view(), rows.data(), sums.data(), use == Guard::none ? nullptr : guard.data(),
                     stream.view());
  }
  return {logits.fetch(), gradients.fetch(), sums.fetch()[0], guard.fetch()[0]};
}

// In float64, as the formulas are written.
void expect_right(const Outcome& outcome, const Layer& layer, std::uint32_t count, int times) {
  double loss = 0;
  std::uint64_t correct = 0;
  for (std::size_t row = 0; row < layer.labels.size(); ++row) {
    if (row >= count) {
      EXPECT_EQ(outcome.logits[row], 0.0F) << row;
      EXPECT_EQ(outcome.gradients[row], 0.0F) << row;
      continue;
    }
    double z = static_cast<double>(layer.bias[0]);
    double magnitude = std::abs(z);
    for (std::size_t k = 0; k < layer.width; ++k) {
      const double product = static_cast<double>(layer.activation[row * layer.leading + k]) *
                             static_cast<double>(layer.weights[k]);
      z += product;
      magnitude += std::abs(product);
    }
    EXPECT_NEAR(static_cast<double>(outcome.logits[row]), z, 1e-6 * magnitude) << row;
    // From here on with the logit found, so that the bound is of this part alone.
    z = static_cast<double>(outcome.logits[row]);
    const auto y = static_cast<double>(layer.labels[row]);
    loss += std::max(z, 0.0) - z * y + std::log1p(std::exp(-std::abs(z)));
    correct += (z >= 0) == (y >= 0.5) ? 1 : 0;
    EXPECT_NEAR(static_cast<double>(outcome.gradients[row]), (1 / (1 + std::exp(-z)) - y) / count,
                3e-7 / count)
        << row;
  }
  EXPECT_NEAR(outcome.sums.loss, times * loss, 1e-6 * times * loss);
  EXPECT_EQ(outcome.sums.correct, static_cast<std::uint64_t>(times) * correct);
  EXPECT_EQ(outcome.sums.rows, std::uint64_t{count} * static_cast<std::uint64_t>(times));
}

TEST(LogisticLoss, StaysWithTheFormulasAndAddsBatchesUp) {
  for (const std::size_t rows : kOddSizes) {
    for (const std::uint32_t width : {1U, 9U, 33U, 128U}) {
      const Layer layer(rows, width, 1.0F);
      under_each_seed([&](const Stream& stream) {
        const auto count = static_cast<std::uint32_t>(rows);
        expect_right(run(layer, count, Guard::none, 2, stream), layer, count, 2);
      });
    }
  }
}

TEST(LogisticLoss, MasksTheRowsBeyondTheCount) {
  Layer layer(257, 9, 1.0F);
  for (std::size_t i = 33 * layer.leading; i < layer.activation.size(); ++i) {
    layer.activation[i] = std::numeric_limits<float>::quiet_NaN();
  }
  under_each_seed([&](const Stream& stream) {
    for (const std::uint32_t count : {0U, 1U, 31U, 32U, 33U}) {
      expect_right(run(layer, count, Guard::down, 1, stream), layer, count, 1);
    }
  });
}

TEST(LogisticLoss, StaysFiniteForLogitsFarFromZero) {
  const Layer layer(33, 9, 1e4F);
  under_each_seed(
      [&](const Stream& stream) { expect_right(run(layer, 33, Guard::none, 1, stream), layer, 33, 1); });
}

TEST(LogisticLoss, GivesTheSameBitsUnderEverySchedule) {
  const Layer layer(257, 33, 1.0F);
  std::vector<Outcome> outcomes;
  under_each_seed([&](const Stream& stream) { outcomes.push_back(run(layer, 257, Guard::down, 3, stream)); });
  for (const Outcome& outcome : outcomes) EXPECT_TRUE(outcome == outcomes[0]);
}

TEST(LogisticLoss, RaisesTheGuardAndAddsNothingWhenTheLossIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Layer layer(33, 9, 1.0F);
    layer.activation[32 * layer.leading] = bad;
    under_each_seed([&](const Stream& stream) {
      const Outcome outcome = run(layer, 33, Guard::down, 1, stream);
      EXPECT_NE(outcome.guard, 0U);
      EXPECT_EQ(outcome.sums.loss, 0.0);
      EXPECT_EQ(outcome.sums.rows, 0U);
    });
  }
}

TEST(LogisticLoss, AddsNothingWhileTheGuardIsRaised) {
  under_each_seed([&](const Stream& stream) {
    const Outcome outcome = run(Layer(33, 9, 1.0F), 33, Guard::raised, 1, stream);
    EXPECT_NE(outcome.guard, 0U);
    EXPECT_EQ(outcome.sums.loss, 0.0);
    EXPECT_EQ(outcome.sums.correct, 0U);
    EXPECT_EQ(outcome.sums.rows, 0U);
  });
}

}  // namespace
}  // namespace millrace::cuda
