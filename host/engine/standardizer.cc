#include "engine/standardizer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>

namespace millrace {
namespace {

// Keeps the factor of a feature that hardly varies finite.
constexpr double kTinyVariance = 1e-30;

}  // namespace

Standardizer::Standardizer(std::uint32_t features, bool scales)
    : scales_(scales),
      state_{std::vector<double>(features), std::vector<double>(features), std::vector<double>(features)},
      scaling_{std::vector<double>(features), std::vector<double>(features),
               std::vector<double>(features, 1.0)},
      window_count_(features),
      window_mean_(features),
      window_m2_(features) {}

// The window's own moments in two passes, then Chan's formula joins them with those so far.
void Standardizer::take_in(const WindowView& window) {
  const std::size_t features = state_.mean.size();
  const auto row = [&](std::uint32_t i) {
    return window.values + std::size_t{window.row_index[i]} * features;
  };
  std::fill(window_count_.begin(), window_count_.end(), 0.0);
  std::fill(window_mean_.begin(), window_mean_.end(), 0.0);
  std::fill(window_m2_.begin(), window_m2_.end(), 0.0);
  for (std::uint32_t i = 0; i < window.rows; ++i) {
    const float* values = row(i);
    for (std::size_t f = 0; f < features; ++f) {
      const bool present = std::isfinite(values[f]);
      window_count_[f] += present ? 1.0 : 0.0;
      window_mean_[f] += present ? static_cast<double>(values[f]) : 0.0;
    }
  }
  for (std::size_t f = 0; f < features; ++f) window_mean_[f] /= std::max(window_count_[f], 1.0);
  for (std::uint32_t i = 0; i < window.rows; ++i) {
    const float* values = row(i);
    for (std::size_t f = 0; f < features; ++f) {
      const double distance =
          std::isfinite(values[f]) ? static_cast<double>(values[f]) - window_mean_[f] : 0.0;
      window_m2_[f] += distance * distance;
    }
  }
  for (std::size_t f = 0; f < features; ++f) {
    const double together = state_.count[f] + window_count_[f];
    if (window_count_[f] == 0.0) continue;
    const double share = window_count_[f] / together;
    const double apart = window_mean_[f] - state_.mean[f];
    state_.mean[f] += apart * share;
    state_.m2[f] += window_m2_[f] + apart * apart * state_.count[f] * share;
    state_.count[f] = together;
  }
  update_scaling();
}

void Standardizer::restore(const StandardizerState& state) {
  const std::size_t features = state_.mean.size();
  if (state.count.size() != features || state.mean.size() != features || state.m2.size() != features) {
    throw std::invalid_argument("standardizer state: another number of features");
  }
  state_ = state;
  update_scaling();
}

void Standardizer::update_scaling() {
  for (std::size_t f = 0; f < state_.mean.size(); ++f) {
    scaling_.substitute[f] = state_.mean[f];
    if (!scales_) continue;
    scaling_.shift[f] = state_.mean[f];
    const bool varies = state_.m2[f] > 0.0;
    scaling_.factor[f] = varies ? 1.0 / std::sqrt(state_.m2[f] / state_.count[f] + kTinyVariance) : 1.0;
  }
}

}  // namespace millrace
