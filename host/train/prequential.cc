#include "train/prequential.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace {

namespace {

constexpr float kPositive = 0.5F;

bool predicts_positive(float logit) { return logit >= 0.0F; }  // probability >= 0.5

// Scores are ordered and summed, so they must be numbers: a network near divergence may give an infinity,
// which keeps its side, or NaN, which takes none.
float ordered_logit(float logit) {
  if (std::isnan(logit)) return 0.0F;
  return std::clamp(logit, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max());
}

double mean(double sum, std::uint64_t rows) { return sum / static_cast<double>(rows); }

}  // namespace

double cross_entropy(double logit, double label) {
  return std::max(logit, 0.0) - logit * label + std::log1p(std::exp(-std::abs(logit)));
}

std::optional<double> area_under_roc(std::span<ScoredRow> rows) {
  std::ranges::sort(rows, {}, &ScoredRow::logit);
  std::uint64_t negatives_below = 0;
  std::uint64_t positives = 0;
  double ordered_pairs = 0;
  for (std::size_t begin = 0; begin < rows.size();) {
    std::size_t end = begin;
    std::uint64_t tied_positives = 0;
    for (; end < rows.size() && rows[end].logit == rows[begin].logit; ++end) {
      tied_positives += rows[end].label >= kPositive ? 1 : 0;
    }
    const std::uint64_t tied_negatives = (end - begin) - tied_positives;
    ordered_pairs += static_cast<double>(tied_positives) *
                     (static_cast<double>(negatives_below) + 0.5 * static_cast<double>(tied_negatives));
    positives += tied_positives;
    negatives_below += tied_negatives;
    begin = end;
  }
  if (positives == 0 || negatives_below == 0) return std::nullopt;
  return ordered_pairs / (static_cast<double>(positives) * static_cast<double>(negatives_below));
}

Prequential::Prequential(std::size_t horizon_rows) : horizon_rows_(std::max<std::size_t>(horizon_rows, 1)) {}

void Prequential::add(std::span<const float> logits, std::span<const float> labels) {
  for (std::size_t row = 0; row < logits.size(); ++row) {
    const ScoredRow scored{ordered_logit(logits[row]), labels[row]};
    loss_sum_ += cross_entropy(scored.logit, scored.label);
    const bool positive = scored.label >= kPositive;
    if (predicts_positive(scored.logit)) {
      ++(positive ? confusion_.true_positive : confusion_.false_positive);
    } else {
      ++(positive ? confusion_.false_negative : confusion_.true_negative);
    }
    if (newest_.size() < horizon_rows_) {
      newest_.push_back(scored);
    } else {
      newest_[oldest_] = scored;
      oldest_ = (oldest_ + 1) % horizon_rows_;
    }
  }
}

StreamMetrics Prequential::run() const {
  if (rows() == 0) return {};
  return {.rows = rows(),
          .loss = mean(loss_sum_, rows()),
          .accuracy = mean(static_cast<double>(confusion_.correct()), rows())};
}

StreamMetrics Prequential::horizon() const {
  if (newest_.empty()) return {};
  double loss_sum = 0;
  double correct = 0;
  for (const ScoredRow& row : newest_) {
    loss_sum += cross_entropy(row.logit, row.label);
    correct += predicts_positive(row.logit) == (row.label >= kPositive) ? 1 : 0;
  }
  return {.rows = newest_.size(),
          .loss = mean(loss_sum, newest_.size()),
          .accuracy = mean(correct, newest_.size())};
}

std::optional<double> Prequential::auc() {
  sorted_.assign(newest_.begin(), newest_.end());
  return area_under_roc(sorted_);
}

}  // namespace millrace
