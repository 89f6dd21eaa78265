// How far the feature means of the newest windows are from those of all rows.
//
// Owned by one thread. Bounded: sums of the newest kWindows windows that it was shown.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "millrace/model.h"
#include "millrace/window.h"

#include "report/run_status.h"

namespace millrace {

class DriftMeter {
 public:
  static constexpr std::size_t kWindows = 8;

  explicit DriftMeter(std::vector<std::string> feature_names = {}) : names_(std::move(feature_names)) {}

  // Moments of all rows so far.
  void take(const StandardizerState& moments);
  // Costs a pass over the window.
  void take(const WindowView& window);

  // The farthest first; empty until both were shown.
  [[nodiscard]] std::vector<FeatureDrift> drift() const;

 private:
  struct Sums {
    std::vector<double> sum;    // [features] of what is not missing
    std::vector<double> count;  // [features]
  };

  std::vector<std::string> names_;  // [features], or empty
  StandardizerState moments_;
  std::array<Sums, kWindows> newest_;  // a ring
  std::size_t next_ = 0;
};

}  // namespace millrace
