#include "train/prequential.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace millrace {
namespace {

double pairwise_auc(const std::vector<float>& logits, const std::vector<float>& labels) {
  double ordered = 0;
  double pairs = 0;
  for (std::size_t positive = 0; positive < logits.size(); ++positive) {
    for (std::size_t negative = 0; negative < logits.size(); ++negative) {
      if (labels[positive] < 0.5F || labels[negative] >= 0.5F) continue;
      pairs += 1;
      if (logits[positive] > logits[negative]) ordered += 1;
      if (logits[positive] == logits[negative]) ordered += 0.5;
    }
  }
  return ordered / pairs;
}

struct Scores {
  std::vector<float> logits;
  std::vector<float> labels;
};

Scores random_scores(std::size_t rows, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> logit(-6, 6);  // few values: many ties
  std::bernoulli_distribution label(0.3);
  Scores scores;
  for (std::size_t row = 0; row < rows; ++row) {
    scores.labels.push_back(label(random) ? 1.0F : 0.0F);
    scores.logits.push_back(static_cast<float>(logit(random)) + scores.labels.back());
  }
  return scores;
}

TEST(Prequential, AucEqualsTheShareOfOrderedPairs) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Scores scores = random_scores(200, seed);
    Prequential prequential(1000);
    prequential.add(scores.logits, scores.labels);
    ASSERT_TRUE(prequential.auc().has_value());
    EXPECT_NEAR(*prequential.auc(), pairwise_auc(scores.logits, scores.labels), 1e-12);
  }
}

TEST(Prequential, NothingIsDefinedWithoutRows) {
  Prequential prequential(10);
  EXPECT_FALSE(prequential.run().loss.has_value());
  EXPECT_FALSE(prequential.run().accuracy.has_value());
  EXPECT_FALSE(prequential.auc().has_value());
}

TEST(Prequential, AucIsUndefinedWhileOnlyOneClassWasSeen) {
  Prequential prequential(10);
  prequential.add(std::vector<float>{1, 2}, std::vector<float>{1, 1});
  EXPECT_FALSE(prequential.auc().has_value());
  EXPECT_TRUE(prequential.run().loss.has_value());
}

TEST(Prequential, HorizonForgetsOlderRowsAndRunDoesNot) {
  const Scores scores = random_scores(500, 1);
  Prequential sliding(64);
  sliding.add(std::span(scores.logits).first(300), std::span(scores.labels).first(300));
  sliding.add(std::span(scores.logits).subspan(300), std::span(scores.labels).subspan(300));
  Prequential newest(64);
  newest.add(std::span(scores.logits).last(64), std::span(scores.labels).last(64));
  EXPECT_EQ(sliding.auc(), newest.auc());
  EXPECT_EQ(sliding.horizon().accuracy, newest.horizon().accuracy);
  EXPECT_NEAR(*sliding.horizon().loss, *newest.horizon().loss, 1e-12);
  EXPECT_EQ(sliding.run().rows, 500U);
}

TEST(Prequential, ConfusionCountsEveryRowOnce) {
  Prequential prequential(10);
  prequential.add(std::vector<float>{1, -1, 0, -2, 3}, std::vector<float>{1, 1, 0, 0, 0});
  EXPECT_EQ(prequential.confusion().true_positive, 1U);
  EXPECT_EQ(prequential.confusion().false_negative, 1U);
  EXPECT_EQ(prequential.confusion().false_positive, 2U);
  EXPECT_EQ(prequential.confusion().true_negative, 1U);
  EXPECT_EQ(prequential.run().accuracy, 2.0 / 5.0);
}

TEST(Prequential, TakesScoresThatAreNotFinite) {
  Prequential prequential(10);
  prequential.add(std::vector<float>{std::nanf(""), INFINITY, -INFINITY, 1}, std::vector<float>{1, 1, 0, 0});
  EXPECT_TRUE(std::isfinite(*prequential.run().loss));
  EXPECT_EQ(*prequential.auc(), 0.75);
}

TEST(CrossEntropy, EqualsItsDefinitionAndStaysFiniteFarOut) {
  for (const double logit : {-3.0, -0.5, 0.0, 0.5, 3.0}) {
    const double probability = 1 / (1 + std::exp(-logit));
    EXPECT_NEAR(cross_entropy(logit, 1), -std::log(probability), 1e-12);
    EXPECT_NEAR(cross_entropy(logit, 0), -std::log(1 - probability), 1e-12);
  }
  EXPECT_EQ(cross_entropy(1e4, 0), 1e4);
  EXPECT_EQ(cross_entropy(-1e4, 0), 0);
}

}  // namespace
}  // namespace millrace
