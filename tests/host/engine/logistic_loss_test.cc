#include "engine/logistic_loss.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace millrace {
namespace {

TEST(LogisticLoss, MatchesTheDefinitionWhereThatIsStable) {
  for (double z = -8.0; z <= 8.0; z += 0.37) {
    for (const double y : {0.0, 0.25, 1.0}) {
      const double p = 1.0 / (1.0 + std::exp(-z));
      const double loss = -y * std::log(p) - (1.0 - y) * std::log(1.0 - p);
      const std::vector<float> logit = {static_cast<float>(z)}, label = {static_cast<float>(y)};
      std::vector<float> gradient(1);
      EXPECT_NEAR(logistic_loss(logit, label).loss, loss, 2e-6);
      EXPECT_NEAR(logistic_loss_gradient(logit, label, 1, gradient), loss, 2e-6);
      EXPECT_NEAR(gradient[0], p - y, 2e-7);
    }
  }
}

TEST(LogisticLoss, IsFiniteAndExactFarOut) {
  const std::vector<float> logits = {1000, -1000, 1000, -1000, 3e38F}, labels = {0, 1, 1, 0, 1};
  std::vector<float> gradients(5);
  EXPECT_EQ(logistic_loss_gradient(logits, labels, 5, gradients), 2000.0);
  EXPECT_EQ(gradients, (std::vector<float>{0.2F, -0.2F, 0, 0, 0}));
  EXPECT_EQ(logistic_loss(logits, labels).loss, 2000.0);
}

TEST(LogisticLoss, GradientIsOfTheMeanOverTheRowsGiven) {
  const std::vector<float> logits = {0, 0, 0}, labels = {1, 0, 1};
  std::vector<float> gradients(3);
  EXPECT_NEAR(logistic_loss_gradient(logits, labels, 3, gradients), 3 * std::log(2.0), 1e-6);
  EXPECT_EQ(gradients, (std::vector<float>{-0.5F / 3, 0.5F / 3, -0.5F / 3}));
}

TEST(LogisticLoss, CountsALogitOfZeroAsTheUpperClass) {
  const std::vector<float> logits = {0, 0, -1e-6F, 1e-6F}, labels = {1, 0, 0, 0.5F};
  EXPECT_EQ(logistic_loss(logits, labels).correct, 3U);
}

}  // namespace
}  // namespace millrace
