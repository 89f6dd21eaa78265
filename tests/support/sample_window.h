// Windows of made-up rows, with holes in the slot as bad records leave them.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "millrace/window.h"

namespace millrace::test {

struct SampleWindow {
  std::uint64_t index = 0;
  std::uint32_t features = 0;
  std::vector<float> values;
  std::vector<float> labels;
  std::vector<std::uint32_t> row_index;

  // Rows that a network can learn: the label says whether the features' sum is above what is usual. Every
  // third row of the slot is a hole; about `missing` of all values are NaN.
  SampleWindow(std::uint64_t window, std::uint32_t rows, std::uint32_t feature_count, double missing = 0.0)
      : index(window), features(feature_count) {
    std::mt19937 random(static_cast<std::uint32_t>(window) * 1000 + rows + feature_count);
    std::uniform_real_distribution<float> uniform(0.0F, 1.0F);
    constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
    for (std::uint32_t slot_row = 0; row_index.size() < rows; ++slot_row) {
      const bool hole = slot_row % 3 == 2;
      float sum = 0;
      for (std::uint32_t f = 0; f < features; ++f) {
        const float value = uniform(random) * 2.0F - 0.5F + static_cast<float>(f % 3);
        sum += value - 0.5F - static_cast<float>(f % 3);
        values.push_back(hole || uniform(random) < static_cast<float>(missing) ? kMissing : value);
      }
      labels.push_back(hole ? kMissing : sum > 0.0F ? 1.0F : 0.0F);
      if (!hole) row_index.push_back(slot_row);
    }
  }

  [[nodiscard]] WindowView view() const {
    return {index,
            static_cast<std::uint32_t>(row_index.size()),
            static_cast<std::uint32_t>(labels.size()),
            features,
            values.data(),
            labels.data(),
            row_index.data()};
  }
};

}  // namespace millrace::test
