// The products of VectorKernels against plain ones in double, at odd sizes.
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/blocked.h"
#include "engine/vector_kernels.h"

namespace millrace {
namespace {

constexpr float kUntouched = 777.0F;

class ProductKernelsTest : public ::testing::TestWithParam<const VectorKernels*> {
 protected:
  const VectorKernels& kernels = *GetParam();

  // [rows][32].
  std::vector<float> random_rows(std::size_t rows) {
    std::vector<float> floats(rows * kBlock);
    for (float& value : floats) value = uniform_(random_);
    return floats;
  }
  static double at(const std::vector<float>& rows, std::size_t row, std::size_t column) {
    return rows[row * kBlock + column];
  }
  static double tolerance(std::size_t terms) { return 1e-6 * (10 + static_cast<double>(terms)); }

 private:
  std::mt19937 random_{1};
  std::uniform_real_distribution<float> uniform_{-1.0F, 1.0F};
};

INSTANTIATE_TEST_SUITE_P(Sets, ProductKernelsTest, ::testing::ValuesIn(runnable_vector_kernels()),
                         [](const auto& set) { return std::string(set.param->name); });

TEST_P(ProductKernelsTest, DenseIsThePlainProductAndWritesNothingElse) {
  for (const std::size_t inputs : {1U, 9U, 31U, 33U, 257U}) {
    for (const std::size_t outputs : {1U, 5U, 8U, 15U, 31U, 32U}) {
      for (const std::size_t lanes : {16U, 32U}) {
        for (const bool relu : {false, true}) {
          const auto x = random_rows(inputs), w = random_rows(inputs), bias = random_rows(1);
          std::vector<float> y(kBlock * kBlock, kUntouched);
          kernels.dense({x.data(), w.data(), relu ? bias.data() : nullptr, inputs, outputs, relu, y.data()},
                        lanes);
          for (std::size_t o = 0; o < kBlock; ++o) {
            for (std::size_t r = 0; r < kBlock; ++r) {
              double sum = relu ? at(bias, 0, o) : 0.0;
              for (std::size_t k = 0; k < inputs; ++k) sum += at(w, k, o) * at(x, k, r);
              if (relu) sum = std::max(sum, 0.0);
              const bool written = o < outputs && r < lanes;
              ASSERT_NEAR(at(y, o, r), written ? sum : kUntouched, tolerance(inputs))
                  << inputs << ' ' << outputs;
            }
          }
        }
      }
    }
  }
}

TEST_P(ProductKernelsTest, DenseLetsNaNThroughTheRelu) {
  const std::vector<float> x(kBlock, std::numeric_limits<float>::quiet_NaN()), w(kBlock, 1.0F), bias(kBlock);
  std::vector<float> y(kBlock * kBlock);
  kernels.dense({x.data(), w.data(), bias.data(), 1, kBlock, true, y.data()}, kBlock);
  for (const float value : y) EXPECT_TRUE(std::isnan(value));
}

TEST_P(ProductKernelsTest, DataGradientIsThePlainProductBehindTheRelu) {
  for (const std::size_t outputs : {1U, 31U, 33U, 64U, 257U}) {
    for (const std::size_t inputs : {1U, 5U, 13U, 32U}) {
      for (const bool masked : {false, true}) {
        const std::size_t block = (inputs + 3) * kBlock;
        const auto w = random_rows(blocks_of(outputs) * (inputs + 3)), dy = random_rows(outputs);
        const auto relu = random_rows(inputs);
        std::vector<float> dx(kBlock * kBlock, kUntouched);
        kernels.data_gradient(
            {w.data(), block, dy.data(), outputs, inputs, masked ? relu.data() : nullptr, dx.data()}, kBlock);
        for (std::size_t k = 0; k < kBlock; ++k) {
          for (std::size_t r = 0; r < kBlock; ++r) {
            double sum = 0;
            if (k < inputs && (!masked || at(relu, k, r) > 0)) {
              for (std::size_t o = 0; o < outputs; ++o) {
                sum += static_cast<double>(w[o / kBlock * block + k * kBlock + o % kBlock]) * at(dy, o, r);
              }
            }
            ASSERT_NEAR(at(dx, k, r), k < inputs ? sum : kUntouched, tolerance(outputs));
          }
        }
      }
    }
  }
}

TEST_P(ProductKernelsTest, WeightAndBiasGradientsAreSumsOverTheRowsOfAllPanels) {
  for (const std::size_t rows : {1U, 31U, 32U, 33U, 64U, 257U}) {
    for (const std::size_t inputs : {1U, 7U, 24U, 33U}) {
      for (const bool add : {false, true}) {
        const std::size_t panels = blocks_of(rows);
        const std::size_t x_panel = (inputs + 1) * kBlock, dy_panel = (kBlock + 1) * kBlock;
        const auto x = random_rows(panels * (inputs + 1)), dy = random_rows(panels * (kBlock + 1));
        std::vector<float> dw((inputs + 1) * kBlock, 0.5F), db(2 * kBlock, 0.5F);
        WeightGradientBlock block = {x.data(), x_panel, dy.data(), dy_panel, rows, inputs, add, dw.data()};
        kernels.weight_gradient(block);
        block.dw = db.data();
        kernels.bias_gradient(block);
        for (std::size_t k = 0; k <= inputs; ++k) {
          for (std::size_t o = 0; o < kBlock; ++o) {
            double sum = add ? 0.5 : 0.0;
            double bias = sum;
            for (std::size_t r = 0; r < rows; ++r) {
              const double gradient = dy[r / kBlock * dy_panel + r % kBlock * kBlock + o];
              sum += static_cast<double>(x[r / kBlock * x_panel + k * kBlock + r % kBlock]) * gradient;
              bias += gradient;
            }
            ASSERT_NEAR(at(dw, k, o), k < inputs ? sum : 0.5, tolerance(rows));
            ASSERT_NEAR(at(db, 0, o), bias, tolerance(rows));
            ASSERT_EQ(at(db, 1, o), 0.5);
          }
        }
      }
    }
  }
}

TEST_P(ProductKernelsTest, TransposesABlock) {
  const auto from = random_rows(kBlock);
  std::vector<float> to(kBlock * kBlock);
  kernels.transpose(from.data(), to.data());
  for (std::size_t r = 0; r < kBlock; ++r) {
    for (std::size_t c = 0; c < kBlock; ++c) ASSERT_EQ(at(to, c, r), at(from, r, c));
  }
}

TEST_P(ProductKernelsTest, PartsAreAddedUpInTheirOrder) {
  const auto first = random_rows(3), second = random_rows(3), third = random_rows(3), relu = random_rows(3);
  const float* const parts[] = {first.data(), second.data(), third.data()};
  std::vector<float> y(3 * kBlock, kUntouched), dx(3 * kBlock, kUntouched);
  kernels.join_relu(parts, 3, kBlock, 2 * kBlock, y.data());
  kernels.join_masked(parts, 3, relu.data(), kBlock, 2 * kBlock, dx.data());
  for (std::size_t i = 0; i < 3 * kBlock; ++i) {
    const bool written = i / kBlock == 1;
    const float sum = first[i] + second[i] + third[i];
    EXPECT_EQ(y[i], written ? std::max(sum, 0.0F) : kUntouched);
    EXPECT_EQ(dx[i], written ? (relu[i] > 0 ? sum : 0.0F) : kUntouched);
  }
}

TEST_P(ProductKernelsTest, TheLastLayerMatchesPlainProducts) {
  for (const std::size_t inputs : {1U, 3U, 31U, 33U, 128U, 257U}) {
    const auto x = random_rows(inputs), dz = random_rows(1), weights = random_rows(blocks_of(inputs));
    std::vector<float> logits(kBlock), dx(inputs * kBlock), dw(inputs, 0.5F);
    kernels.logits(x.data(), inputs, weights.data(), 0.25F, logits.data());
    kernels.logits_data_gradient(dz.data(), weights.data(), inputs, x.data(), dx.data());
    kernels.logits_weight_gradient(x.data(), inputs, dz.data(), 16, true, dw.data());
    for (std::size_t r = 0; r < kBlock; ++r) {
      double logit = 0.25;
      for (std::size_t k = 0; k < inputs; ++k) {
        logit += at(x, k, r) * weights[k];
        EXPECT_EQ(at(dx, k, r), at(x, k, r) > 0 ? weights[k] * dz[r] : 0.0F);
      }
      EXPECT_NEAR(logits[r], logit, tolerance(inputs));
    }
    for (std::size_t k = 0; k < inputs; ++k) {
      double sum = 0.5;
      for (std::size_t r = 0; r < 16; ++r) sum += at(x, k, r) * dz[r];
      EXPECT_NEAR(dw[k], sum, tolerance(16));
    }
  }
}

}  // namespace
}  // namespace millrace
