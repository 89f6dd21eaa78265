// The article's setting on its own data, over many splits. Its figure is 0.914; another framework gives a
// median of 0.902 raw and 0.968 standardized.
#include <algorithm>
#include <cstdio>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "app/row_split.h"
#include "engine/cpu_engine.h"
#include "host/app/breast_cancer_rows.h"

namespace millrace {
namespace {

constexpr double kTestShare = 0.4;

// The rows of one part of `millrace produce --split-seed SEED`, in the order in which they are sent.
std::vector<std::uint32_t> part(std::uint64_t seed, std::uint32_t rows, SplitPart part) {
  const std::vector<std::uint64_t> order =
      split_rows(rows, {.seed = seed, .test_share = kTestShare, .part = part});
  return {order.begin(), order.end()};
}

// One window of the training rows, three epochs in batches of 32; then the test rows are scored.
double test_accuracy(const test::BreastCancerRows& data, std::uint64_t seed, bool standardize) {
  const auto rows = static_cast<std::uint32_t>(data.labels.size());
  const std::vector<std::uint32_t> train = part(seed, rows, SplitPart::train);
  const std::vector<std::uint32_t> test = part(seed, rows, SplitPart::test);
  TrainingSettings settings;
  settings.seed = seed;
  settings.standardize = standardize;
  const auto engine = make_cpu_engine({{test::kBreastCancerFeatures, 128, 256, 128, 1}}, settings, rows, 1);
  const auto window = [&](std::uint64_t index, const std::vector<std::uint32_t>& order) -> WindowView {
    return {.index = index,
            .rows = static_cast<std::uint32_t>(order.size()),
            .slot_rows = rows,
            .features = test::kBreastCancerFeatures,
            .values = data.values.data(),
            .labels = data.labels.data(),
            .row_index = order.data()};
  };
  engine->stage(window(0, train));
  engine->score();
  engine->train();
  engine->wait();
  engine->stage(window(1, test));
  engine->score();
  const WindowOutcome outcome = engine->wait();
  return static_cast<double>(outcome.correct) / outcome.rows;
}

double median_accuracy(std::uint64_t splits, bool standardize) {
  const test::BreastCancerRows data = test::read_breast_cancer_rows();
  std::vector<double> accuracies;
  for (std::uint64_t seed = 1; seed <= splits; ++seed)
    accuracies.push_back(test_accuracy(data, seed, standardize));
  std::ranges::sort(accuracies);
  const double median = (accuracies[(splits - 1) / 2] + accuracies[splits / 2]) / 2;
  std::printf("test accuracy over %u splits: median %.4f, from %.4f to %.4f\n", static_cast<unsigned>(splits),
              median, accuracies.front(), accuracies.back());
  return median;
}

// Twenty splits, as the article's counterpart was measured; a median of so few moves by a test row or two
// (0.0036 each) with the choice of splits, so four hundred say the same with more weight.
class Quality : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Quality, OfRawFeaturesIsThatOfTheArticle) {
  const double median = median_accuracy(GetParam(), false);
  EXPECT_GE(median, 0.88);
  EXPECT_LE(median, 0.93);
}

TEST_P(Quality, OfStandardizedFeaturesIsBetter) { EXPECT_GE(median_accuracy(GetParam(), true), 0.965); }

INSTANTIATE_TEST_SUITE_P(OverSplits, Quality, testing::Values(20, 400));

}  // namespace
}  // namespace millrace
