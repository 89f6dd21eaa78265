// The rows of data/breast-cancer-wisconsin.csv: nine features, `?` as NaN, class 2 as 0 and class 4 as 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::test {

inline constexpr std::uint32_t kBreastCancerFeatures = 9;

struct BreastCancerRows {
  std::vector<float> values;  // [rows, 9]
  std::vector<float> labels;  // [rows]
};

[[nodiscard]] BreastCancerRows read_breast_cancer_rows();

}  // namespace millrace::test
