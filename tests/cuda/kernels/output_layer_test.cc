#include "cuda/kernels/output_layer.h"

#include <cmath>
#include <limits>
#include <vector>

#include "kernel_test.h"

namespace millrace::cuda {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// loss(z, y) and its derivative, in the forms that no z upsets.
double loss_of(double z, double y) { return std::fmax(z, 0.0) - z * y + std::log1p(std::exp(-std::fabs(z))); }
double slope_of(double z, double y) {
  const double e = std::exp(-std::fabs(z));
  return (z >= 0 ? 1.0 : e) / (1.0 + e) - y;
}

// A batch of which `count` rows are real. What is in the others must not matter: NaN.
template <class T>
struct Layer {
  std::uint32_t count, capacity, width, columns;
  std::vector<T> activation;
  std::vector<T> weights;
  std::vector<T> bias;
  std::vector<float> labels;

  Layer(std::uint32_t rows, std::uint32_t room, std::uint32_t inputs, std::uint32_t padded)
      : count(rows),
        capacity(room),
        width(inputs),
        columns(padded),
        activation(rounded_to<T>(scattered(std::size_t{room} * padded, 1))),
        weights(rounded_to<T>(scattered(padded, 2))),
        bias(rounded_to<T>(std::vector{0.375F})) {
    for (std::uint32_t row = 0; row < capacity; ++row) {
      labels.push_back(row >= count ? kNaN : row % 5 == 0 ? 0.25F : row % 2 == 0 ? 1.0F : 0.0F);
      for (std::uint32_t k = 0; k < columns; ++k) {
        T& a = activation[std::size_t{row} * columns + k];
        // As a ReLU leaves them: half of them zero.
        a = row >= count ? rounded_to<T>(kNaN) : k < width && widened(a) > 0 ? a : rounded_to<T>(0.0F);
      }
    }
    for (std::uint32_t k = width; k < columns; ++k) weights[k] = rounded_to<T>(0.0F);
  }

  [[nodiscard]] double activation_at(std::uint32_t row, std::uint32_t k) const {
    return double{widened(activation[std::size_t{row} * columns + k])};
  }
  [[nodiscard]] double logit(std::uint32_t row) const {
    double z = double{widened(bias[0])};
    for (std::uint32_t k = 0; k < columns; ++k) z += activation_at(row, k) * double{widened(weights[k])};
    return z;
  }
  // How far a float32 sum of the logit's terms may be off.
  [[nodiscard]] double logit_bound(std::uint32_t row) const {
    double magnitudes = 1;
    for (std::uint32_t k = 0; k < columns; ++k) {
      magnitudes += std::fabs(activation_at(row, k) * double{widened(weights[k])});
    }
    return (4.0 * (columns / 128 + 1) + 6) * 0x1p-24 * magnitudes;
  }
};

StepState state_of(std::uint32_t begin, std::uint32_t count) {
  StepState state{};
  state.next = begin;
  state.begin = begin;
  state.count = count;
  state.sums = {.scoring = {1.5, 2, 3}, .training = {4.5, 5, 6}, .steps = 7, .skipped_steps = 8};
  return state;
}

struct Losses {
  double loss = 0;
  std::uint64_t correct = 0;
  std::vector<double> of_blocks;

  explicit Losses(const std::vector<LossPart>& parts = {}) {
    for (const LossPart& part : parts) {
      loss += part.loss;
      correct += part.correct;
      of_blocks.push_back(part.loss);
    }
  }
  bool operator==(const Losses&) const = default;
};

struct Trained {
  std::vector<float> activation_gradient;
  std::vector<float> parts;
  Losses losses;

  bool operator==(const Trained&) const = default;

  // Of weight k; `columns` is the bias.
  [[nodiscard]] double gradient(std::uint32_t columns, std::uint32_t k) const {
    double sum = 0;
    for (std::size_t at = k; at < parts.size(); at += columns + 4) sum += double{parts[at]};
    return sum;
  }
};

template <class T>
class DeviceLayer {
 public:
  DeviceLayer(const Layer<T>& layer, const Stream& stream)
      : stream_(stream),
        activation_(layer.activation, stream),
        weights_(layer.weights, stream),
        bias_(layer.bias, stream),
        labels_(layer.labels, stream),
        losses_(loss_parts(layer.capacity), stream),
        layer_{activation_.data(), weights_.data(), bias_.data(),
               labels_.data(),     layer.capacity,  layer.columns},
        count_(layer.count) {}

  [[nodiscard]] Trained train(bool has_layer_below = true) const {
    const OnDevice<StepState> state(std::vector{state_of(0, count_)}, stream_);
    const OnDevice<T> below(has_layer_below ? std::size_t{layer_.capacity} * layer_.columns : 0, stream_);
    const OnDevice<float> parts(std::size_t{loss_parts(layer_.capacity)} * (layer_.columns + 4), stream_);
    train_output_async<T>(layer_, {below.data(), parts.data()}, losses_.data(), state.data(), stream_.view());
    return {widened(below.fetch()), parts.fetch(), Losses(losses_.fetch())};
  }

  struct Scored {
    std::vector<float> logits, labels;
    Losses losses;
    bool operator==(const Scored&) const = default;
  };

  // The batch's rows stand from `begin` on among the window's.
  [[nodiscard]] Scored score(std::uint32_t begin = 0) const {
    const std::vector<float> untouched(begin + layer_.capacity, 42.0F);
    const OnDevice<float> logits(untouched, stream_);
    const OnDevice<float> labels(untouched, stream_);
    StepState before = state_of(begin, count_);
    before.scores = {logits.data(), labels.data()};
    const OnDevice<StepState> state(std::vector{before}, stream_);
    score_output_async<T>(layer_, losses_.data(), state.data(), stream_.view());
    return {logits.fetch(), labels.fetch(), Losses(losses_.fetch())};
  }

 private:
  const Stream& stream_;
  OnDevice<T> activation_, weights_, bias_;
  OnDevice<float> labels_;
  OnDevice<LossPart> losses_;
  OutputLayer<T> layer_;
  std::uint32_t count_;
};

template <class T>
Trained trained(const Layer<T>& layer, bool has_layer_below = true) {
  return same_under_each_seed(
      [&](const Stream& stream) { return DeviceLayer<T>(layer, stream).train(has_layer_below); });
}

template <class T>
auto scored(const Layer<T>& layer, std::uint32_t begin = 0) {
  return same_under_each_seed(
      [&](const Stream& stream) { return DeviceLayer<T>(layer, stream).score(begin); });
}

template <class T>
class OutputLayers : public testing::Test {};
TYPED_TEST_SUITE(OutputLayers, Elements);

// Full batches and partial ones, widths with and without padding, above and below what a warp takes at once.
template <class T, class Body>
void for_each_layer(Body&& body) {
  for (const std::uint32_t rows : kOddRows) {
    for (const std::uint32_t width : {1U, 13U, 128U, 259U}) {
      SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(width));
      const std::uint32_t columns = (width + 7) / 8 * 8 + (width == 13 ? 4 : 0);
      body(Layer<T>(rows, rows % 2 == 1 && rows > 31 ? rows + 17 : rows, width, columns));
    }
  }
}

// The batch's loss, and the rows whose sign no rounding can change.
template <class T>
void expect_losses(const Layer<T>& layer, const Losses& losses) {
  double loss = 0;
  double bound = 0;
  std::uint64_t correct = 0;
  std::uint64_t unsure = 0;
  for (std::uint32_t row = 0; row < layer.count; ++row) {
    const double z = layer.logit(row);
    const double label = double{layer.labels[row]};
    loss += loss_of(z, label);
    bound += layer.logit_bound(row) + 1e-6 * (1 + std::fabs(z));
    if (std::fabs(z) <= layer.logit_bound(row))
      ++unsure;
    else if ((z >= 0) == (label >= 0.5))
      ++correct;
  }
  EXPECT_NEAR(losses.loss, loss, bound);
  EXPECT_GE(losses.correct, correct);
  EXPECT_LE(losses.correct, correct + unsure);
}

TYPED_TEST(OutputLayers, ScoreEachRowOfTheBatchAtItsPlaceInTheWindow) {
  for_each_layer<TypeParam>([](const Layer<TypeParam>& layer) {
    constexpr std::uint32_t kBegin = 5;
    const auto result = scored(layer, kBegin);
    ASSERT_EQ(result.logits.size(), kBegin + layer.capacity);
    for (std::uint32_t i = 0; i < result.logits.size(); ++i) {
      if (i < kBegin || i >= kBegin + layer.count) {
        ASSERT_EQ(result.logits[i], 42.0F) << "another batch's place " << i;
        ASSERT_EQ(result.labels[i], 42.0F) << "another batch's place " << i;
      } else {
        ASSERT_NEAR(double{result.logits[i]}, layer.logit(i - kBegin), layer.logit_bound(i - kBegin));
        ASSERT_EQ(result.labels[i], layer.labels[i - kBegin]);
      }
    }
  });
}

TYPED_TEST(OutputLayers, SumTheLossesAndCountWhatIsCorrectInScoring) {
  for_each_layer<TypeParam>(
      [](const Layer<TypeParam>& layer) { expect_losses(layer, scored(layer).losses); });
}

TYPED_TEST(OutputLayers, SumTheLossesAndCountWhatIsCorrectInTraining) {
  for_each_layer<TypeParam>(
      [](const Layer<TypeParam>& layer) { expect_losses(layer, trained(layer).losses); });
}

TYPED_TEST(OutputLayers, LeaveTheGradientsOfWeightsAndBiasInParts) {
  for_each_layer<TypeParam>([](const Layer<TypeParam>& layer) {
    const Trained result = trained(layer);
    for (std::uint32_t k = 0; k < layer.columns + 4; ++k) {
      double expected = 0;
      double bound = 0;
      for (std::uint32_t row = 0; row < layer.count && k <= layer.columns; ++row) {
        const double factor = k < layer.columns ? layer.activation_at(row, k) : 1.0;
        expected += slope_of(layer.logit(row), double{layer.labels[row]}) / layer.count * factor;
        bound += (layer.logit_bound(row) + 1e-6) / layer.count * std::fabs(factor);
      }
      ASSERT_NEAR(result.gradient(layer.columns, k), expected, bound) << "column " << k;
    }
  });
}

TYPED_TEST(OutputLayers, PassTheGradientThroughTheReluBelowAndZerosBeyondTheBatch) {
  for_each_layer<TypeParam>([](const Layer<TypeParam>& layer) {
    const Trained result = trained(layer);
    for (std::uint32_t row = 0; row < layer.capacity; ++row) {
      for (std::uint32_t k = 0; k < layer.columns; ++k) {
        const double passed = double{result.activation_gradient.at(std::size_t{row} * layer.columns + k)};
        if (row >= layer.count || layer.activation_at(row, k) <= 0) {
          ASSERT_EQ(passed, 0.0) << "row " << row << ", column " << k;
          continue;
        }
        const double weight = double{widened(layer.weights[k])};
        const double expected = slope_of(layer.logit(row), double{layer.labels[row]}) / layer.count * weight;
        const double bound = (layer.logit_bound(row) + 1e-6) / layer.count * std::fabs(weight) +
                             kEpsilon<TypeParam> / 2 * std::fabs(expected);
        ASSERT_NEAR(passed, expected, bound) << "row " << row << ", column " << k;
      }
    }
  });
}

TYPED_TEST(OutputLayers, GiveTheSameGradientsWhereNobodyIsBelow) {
  const Layer<TypeParam> layer(33, 64, 13, 16);
  Trained with = trained(layer);
  with.activation_gradient.clear();
  EXPECT_TRUE(trained(layer, false) == with);
}

TYPED_TEST(OutputLayers, LeaveZerosOfABatchWithoutRows) {
  const Layer<TypeParam> layer(0, 33, 13, 16);
  const Trained result = trained(layer);
  EXPECT_EQ(result.activation_gradient, std::vector<float>(std::size_t{33} * 16));
  EXPECT_EQ(result.parts, std::vector<float>(std::size_t{loss_parts(33)} * 20));
  EXPECT_EQ(result.losses.loss, 0.0);
  EXPECT_EQ(result.losses.correct, 0U);
}

TYPED_TEST(OutputLayers, GiveEachRowTheSameLogitInABatchOfAnySize) {
  const Layer<TypeParam> whole(257, 257, 131, 136);
  const auto together = scored(whole).logits;
  for (const std::uint32_t first : {0U, 100U, 256U}) {
    Layer<TypeParam> alone(1, 9, 131, 136);
    std::copy_n(whole.activation.begin() + std::ptrdiff_t{first} * 136, 136, alone.activation.begin());
    EXPECT_EQ(scored(alone).logits[0], together.at(first));
  }
}

// More rows than blocks with one row per warp have.
TEST(OutputLayer, SharesLargeBatchesAmongAtMostAsManyBlocksAsOneCanAddUp) {
  EXPECT_EQ(loss_parts(1), 1U);
  EXPECT_EQ(loss_parts(8), 1U);
  EXPECT_EQ(loss_parts(9), 2U);
  EXPECT_EQ(loss_parts(2048), kMostLossParts);
  EXPECT_LE(loss_parts(2049), kMostLossParts);
  EXPECT_LE(loss_parts(1U << 20), kMostLossParts);
  const Layer<float> layer(2051, 2056, 5, 8);
  const Trained result = trained(layer);
  expect_losses(layer, result.losses);
  double bias_gradient = 0;
  for (std::uint32_t row = 0; row < layer.count; ++row) {
    bias_gradient += slope_of(layer.logit(row), double{layer.labels[row]}) / layer.count;
  }
  EXPECT_NEAR(result.gradient(8, 8), bias_gradient, 1e-6);
}

// One row whose logit is z, of weight 1 and bias 0.
Layer<float> one_logit(float z, float label) {
  Layer<float> layer(1, 1, 1, 4);
  layer.activation = {z, 0, 0, 0};
  layer.weights = {1, 0, 0, 0};
  layer.bias = {0};
  layer.labels = {label};
  return layer;
}

constexpr float kLogits[] = {0.0F,   -0.0F, 1e-30F, -1e-30F, 1e-4F,   -1e-4F, 1.0F,  -1.0F, 17.0F,
                             -17.0F, 88.0F, -88.0F, 104.0F,  -104.0F, 1e4F,   -1e4F, 1e30F, -1e30F};

TEST(OutputLayer, HasAFiniteAndExactLossForAnyLogit) {
  for (const float z : kLogits) {
    for (const float label : {0.0F, 1.0F, 0.25F}) {
      SCOPED_TRACE("logit " + std::to_string(z) + ", label " + std::to_string(label));
      const double expected = loss_of(double{z}, double{label});
      // The terms of a loss near zero cancel, but for the exponential, which has its own digits.
      const double bound = 4e-7 * (expected + (label == 0.25F ? std::fabs(double{z}) : 0)) + 1e-44;
      EXPECT_NEAR(scored(one_logit(z, label)).losses.loss, expected, bound);
      EXPECT_NEAR(trained(one_logit(z, label)).losses.loss, expected, bound);
    }
  }
}

TEST(OutputLayer, HasAnExactSlopeForAnyLogit) {
  for (const float z : kLogits) {
    for (const float label : {0.0F, 1.0F, 0.25F}) {
      SCOPED_TRACE("logit " + std::to_string(z) + ", label " + std::to_string(label));
      EXPECT_NEAR(trained(one_logit(z, label)).gradient(4, 4), slope_of(double{z}, double{label}), 2e-7);
    }
  }
}

TEST(OutputLayer, CountsAsCorrectWhereLogitAndLabelAreOnOneSide) {
  for (const float z : {-1.0F, -1e-30F, -0.0F, 0.0F, 1e-30F, 1.0F}) {
    for (const float label : {0.0F, 0.25F, 0.5F, 1.0F}) {
      SCOPED_TRACE("logit " + std::to_string(z) + ", label " + std::to_string(label));
      const std::uint64_t correct = (z >= 0.0F) == (label >= 0.5F) ? 1 : 0;
      EXPECT_EQ(scored(one_logit(z, label)).losses.correct, correct);
      EXPECT_EQ(trained(one_logit(z, label)).losses.correct, correct);
    }
  }
}

TEST(OutputLayer, LetsANaNAmongTheRowsShowInTheLoss) {
  Layer<float> layer(33, 33, 5, 8);
  layer.activation[std::size_t{20} * 8] = kNaN;
  under_each_seed([&](const Stream& stream) {
    const DeviceLayer<float> device(layer, stream);
    EXPECT_TRUE(std::isnan(device.score().losses.loss));
    EXPECT_TRUE(std::isnan(device.train().losses.loss));
  });
}

TEST(OutputLayer, AddsABatchsScoresToTheWindowsAndGoesOn) {
  for (const std::size_t count : {1, 31, 33, 256}) {
    SCOPED_TRACE(std::to_string(count) + " parts");
    std::vector<LossPart> parts;
    double loss = 1.5;
    std::uint64_t correct = 2;
    for (std::size_t i = 0; i < count; ++i) {  // quarters: exact in any order
      parts.push_back({0.25 * static_cast<double>(i + 1), i % 9});
      loss += parts.back().loss;
      correct += parts.back().correct;
    }
    under_each_seed([&](const Stream& stream) {
      const OnDevice<LossPart> losses(parts, stream);
      const OnDevice<StepState> state(std::vector{state_of(64, 31)}, stream);
      add_scores_async(losses.view(), state.data(), stream.view());
      const StepState after = state.fetch()[0];
      EXPECT_EQ(after.sums.scoring.loss, loss);
      EXPECT_EQ(after.sums.scoring.correct, correct);
      EXPECT_EQ(after.sums.scoring.rows, 3U + 31U);
      EXPECT_EQ(after.next, 64U + 31U);
      EXPECT_EQ(after.sums.training.loss, 4.5);
      EXPECT_EQ(after.sums.steps, 7U);
    });
  }
}

}  // namespace
}  // namespace millrace::cuda
