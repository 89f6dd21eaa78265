#include "report/axis.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <set>

namespace millrace {
namespace {

// What must hold of every axis.
void check(const Axis& axis, double least, double most) {
  ASSERT_TRUE(std::isfinite(axis.begin) && std::isfinite(axis.end));
  ASSERT_LT(axis.begin, axis.end);
  const double slack = (axis.end - axis.begin) * 1e-5;
  EXPECT_LE(axis.begin, least + slack);
  EXPECT_GE(axis.end, most - slack);
  std::set<std::string> labels;
  for (std::size_t i = 0; i < axis.ticks.size(); ++i) {
    EXPECT_GE(axis.ticks[i].value, axis.begin);
    EXPECT_LE(axis.ticks[i].value, axis.end);
    if (i > 0) {
      EXPECT_LT(axis.ticks[i - 1].value, axis.ticks[i].value);
    }
    EXPECT_TRUE(labels.insert(axis.ticks[i].label).second) << axis.ticks[i].label << " twice";
  }
  EXPECT_GE(axis.ticks.size(), 2U);
}

void check_round_steps(const Axis& axis) {
  for (std::size_t i = 1; i < axis.ticks.size(); ++i) {
    // Edges may be clamped by a hair, so the step is told from two ticks with tolerance.
    const double step = axis.ticks[i].value - axis.ticks[i - 1].value;
    const double mantissa = step / std::pow(10.0, std::floor(std::log10(step) + 1e-4));
    EXPECT_TRUE(std::abs(mantissa - 1) < 1e-3 || std::abs(mantissa - 2) < 1e-3 ||
                std::abs(mantissa - 5) < 1e-3)
        << step;
  }
}

class RandomRange {
 public:
  struct Range {
    double least, most;
  };
  Range operator()() {
    const double size = std::pow(10.0, exponent_(generator_));
    const double centre = unit_(generator_) < 0.3 ? 0 : size * (unit_(generator_) - 0.5);
    const double width = size * std::pow(10.0, -6 * unit_(generator_));
    return {centre - width * unit_(generator_), centre + width * unit_(generator_)};
  }

 private:
  std::mt19937_64 generator_{1};
  std::uniform_real_distribution<double> unit_{0, 1};
  std::uniform_real_distribution<double> exponent_{-20, 20};
};

TEST(Axis, HasRoundTicksThatAreToldApartWhateverTheRange) {
  RandomRange draw;
  for (int round = 0; round < 5000; ++round) {
    const auto [least, most] = draw();
    SCOPED_TRACE(testing::Message() << least << " to " << most);
    for (const int ticks : {4, 5, 7}) {
      const Axis snapped = snapped_axis(least, most, ticks);
      check(snapped, least, most);
      check_round_steps(snapped);
      EXPECT_LE(snapped.ticks.size(), static_cast<std::size_t>(2 * ticks + 1));
      EXPECT_NEAR(snapped.place(snapped.ticks.front().value), 0, 1e-5);
      EXPECT_NEAR(snapped.place(snapped.ticks.back().value), 1, 1e-5);
      const Axis exact = exact_axis(least, most, ticks);
      check(exact, least, most);
      check_round_steps(exact);
      EXPECT_LE(exact.ticks.size(), static_cast<std::size_t>(2 * ticks + 1));
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Axis, MakesRoomAroundASingleValue) {
  for (const double value : {0.0, 1.0, -3.5, 1e-200, -1e299, 12345.0}) {
    SCOPED_TRACE(value);
    check(snapped_axis(value, value, 5), value, value);
    check(exact_axis(value, value, 5), value, value);
  }
}

TEST(Axis, EndsAtOneForAccuraciesUpToOne) {
  for (const double least : {0.0, 0.31, 0.62, 0.913, 0.97}) {
    EXPECT_DOUBLE_EQ(snapped_axis(least, 1.0, 5).end, 1.0) << least;
  }
}

TEST(Axis, WritesLargeNumbersWithAUnit) {
  const Axis axis = exact_axis(0, 60'336, 7);
  ASSERT_EQ(axis.ticks.size(), 7U);
  EXPECT_EQ(axis.ticks[0].label, "0");
  EXPECT_EQ(axis.ticks[1].label, "10 k");
  EXPECT_EQ(exact_axis(0, 3'000'000, 7).ticks[1].label, "0.5 M");
  EXPECT_EQ(exact_axis(0, 419, 4).ticks[1].label, "200");
}

TEST(Axis, OfALogarithmHoldsTheDataAndRoundNumbers) {
  std::mt19937_64 generator(2);
  std::uniform_real_distribution<double> exponent(-12, 6);
  for (int round = 0; round < 5000; ++round) {
    const double first = std::pow(10.0, exponent(generator));
    const double second = round % 3 == 0 ? first * 1.3 : std::pow(10.0, exponent(generator));
    const double least = std::min(first, second);
    const double most = std::max(first, second);
    SCOPED_TRACE(testing::Message() << least << " to " << most);
    const Axis axis = logarithmic_axis(least, most);
    check(axis, least, most);
    EXPECT_LE(axis.ticks.size(), 9U);
    EXPECT_GE(axis.place(least), -1e-6);
    EXPECT_LE(axis.place(most), 1 + 1e-6);
    if (testing::Test::HasFailure()) return;
  }
  check(logarithmic_axis(0.1, 0.1), 0.1, 0.1);
}

}  // namespace
}  // namespace millrace
