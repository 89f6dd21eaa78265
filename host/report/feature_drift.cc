#include "report/feature_drift.h"

#include <algorithm>
#include <cmath>

namespace millrace {

void DriftMeter::take(const StandardizerState& moments) { moments_ = moments; }

void DriftMeter::take(const WindowView& window) {
  Sums& sums = newest_[next_];
  next_ = (next_ + 1) % kWindows;
  sums.sum.assign(window.features, 0);
  sums.count.assign(window.features, 0);
  for (std::uint32_t row = 0; row < window.rows; ++row) {
    const float* values = window.values + std::size_t{window.row_index[row]} * window.features;
    for (std::uint32_t feature = 0; feature < window.features; ++feature) {
      if (std::isnan(values[feature])) continue;
      sums.sum[feature] += values[feature];
      sums.count[feature] += 1;
    }
  }
}

std::vector<FeatureDrift> DriftMeter::drift() const {
  std::vector<FeatureDrift> all;
  for (std::size_t feature = 0; feature < moments_.mean.size(); ++feature) {
    double sum = 0;
    double count = 0;
    for (const Sums& window : newest_) {
      if (feature >= window.sum.size()) continue;
      sum += window.sum[feature];
      count += window.count[feature];
    }
    if (count == 0 || moments_.count[feature] == 0) continue;
    const double deviation = std::sqrt(moments_.m2[feature] / moments_.count[feature]);
    const double newest = sum / count;
    const double distance = newest - moments_.mean[feature];
    all.push_back({.name = feature < names_.size() ? names_[feature] : std::to_string(feature + 1),
                   .running_mean = moments_.mean[feature],
                   .newest_mean = newest,
                   .deviations = deviation > 0 ? distance / deviation : 0});
  }
  std::ranges::stable_sort(all, std::ranges::greater{},
                           [](const FeatureDrift& feature) { return std::abs(feature.deviations); });
  return all;
}

}  // namespace millrace
