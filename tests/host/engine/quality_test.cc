// The article's setting on its own data, over many splits. Its figure is 0.914; another framework gives a
// median of 0.902 raw and 0.968 standardized.
#include <algorithm>
#include <cstdio>
#include <gtest/gtest.h>
#include <numeric>
#include <string>
#include <vector>

#include "millrace/philox.h"

#include "engine/cpu_engine.h"
#include "host/engine/breast_cancer_rows.h"

namespace millrace {
namespace {

constexpr std::uint32_t kTrainRows = 419;

// The median over 20 splits moves by a row or two with the choice of splits, and a row is 0.0036; over 100 it
// holds still.
constexpr std::uint32_t kSplits = 100;

// Rows in the order of their Philox words: the first 419 train.
std::vector<std::uint32_t> split_order(std::uint64_t seed, std::uint32_t rows) {
  std::vector<std::uint64_t> keys(rows);
  for (std::uint32_t row = 0; row < rows; ++row) {
    const PhiloxBlock random = philox4x32_10({{row / 4, in_stream(PhiloxStream::split, 0), 0, 0}}, seed);
    keys[row] = std::uint64_t{random.word[row % 4]} << 32 | row;
  }
  std::sort(keys.begin(), keys.end());
  return {keys.begin(), keys.end()};  // the low halves: the rows
}

double test_accuracy(const test::BreastCancerRows& data, std::uint64_t seed, bool standardize) {
  const auto rows = static_cast<std::uint32_t>(data.labels.size());
  const std::vector<std::uint32_t> order = split_order(seed, rows);
  TrainingSettings settings;
  settings.seed = seed;
  settings.standardize = standardize;
  const auto engine = make_cpu_engine({{test::kBreastCancerFeatures, 128, 256, 128, 1}}, settings, rows, 1);
  const auto window = [&](std::uint64_t index, std::uint32_t begin, std::uint32_t end) -> WindowView {
    return {index,
            end - begin,
            rows,
            test::kBreastCancerFeatures,
            data.values.data(),
            data.labels.data(),
            order.data() + begin};
  };
  engine->stage(window(0, 0, kTrainRows));
  engine->score();
  engine->train();
  engine->wait();
  engine->stage(window(1, kTrainRows, rows));
  engine->score();
  const WindowOutcome outcome = engine->wait();
  return static_cast<double>(outcome.correct) / outcome.rows;
}

double median_accuracy(bool standardize) {
  const test::BreastCancerRows data = test::read_breast_cancer_rows();
  std::vector<double> accuracies;
  for (std::uint64_t seed = 1; seed <= kSplits; ++seed)
    accuracies.push_back(test_accuracy(data, seed, standardize));
  std::sort(accuracies.begin(), accuracies.end());
  const double median = (accuracies[kSplits / 2 - 1] + accuracies[kSplits / 2]) / 2;
  std::printf("test accuracy over %u splits: median %.4f, from %.4f to %.4f\n", kSplits, median,
              accuracies.front(), accuracies.back());
  return median;
}

TEST(Quality, OfRawFeaturesIsThatOfTheArticle) {
  const double median = median_accuracy(false);
  EXPECT_GE(median, 0.88);
  EXPECT_LE(median, 0.93);
}

TEST(Quality, OfStandardizedFeaturesIsBetter) { EXPECT_GE(median_accuracy(true), 0.965); }

}  // namespace
}  // namespace millrace
