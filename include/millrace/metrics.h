// Counts that every room means the same by.
#pragma once

#include <cstdint>

namespace millrace {

// Rows by label and by what the network said of them, at probability 0.5.
struct ConfusionMatrix {
  std::uint64_t true_positive = 0;
  std::uint64_t false_positive = 0;
  std::uint64_t true_negative = 0;
  std::uint64_t false_negative = 0;

  [[nodiscard]] std::uint64_t rows() const {
    return true_positive + false_positive + true_negative + false_negative;
  }
  [[nodiscard]] std::uint64_t correct() const { return true_positive + true_negative; }
};

}  // namespace millrace
