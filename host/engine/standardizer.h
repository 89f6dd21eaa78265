// Running moments of the features, and what they make of a feature on its way into the network.
//
// Owned by an engine. One thread at a time. Allocates in the constructor only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "millrace/model.h"
#include "millrace/window.h"

namespace millrace {

// How a feature enters the network: (x - shift) · factor, where a missing x counts as `substitute`.
struct FeatureScaling {
  std::vector<double> substitute;  // [features]
  std::vector<double> shift;       // [features]
  std::vector<double> factor;      // [features]
};

// Invariants: (1) values that are NaN or infinite never enter a moment; (2) the same windows in the same
// order give the same bits; (3) before any value was seen a feature's mean is 0 and its factor 1; (4) a
// feature that never varied has factor 1.
class Standardizer {
 public:
  // With `scales` false the features pass as they are; the moments are kept all the same, for missing values.
  Standardizer(std::uint32_t features, bool scales);

  // Takes the rows in, in their order.
  void take_in(const WindowView& window);

  [[nodiscard]] const FeatureScaling& scaling() const { return scaling_; }
  [[nodiscard]] const StandardizerState& state() const { return state_; }
  void restore(const StandardizerState& state);

 private:
  void update_scaling();

  bool scales_;
  StandardizerState state_;
  FeatureScaling scaling_;
  std::vector<double> window_count_;  // [features]
  std::vector<double> window_mean_;   // [features] first sums, then means
  std::vector<double> window_m2_;     // [features]
};

}  // namespace millrace
