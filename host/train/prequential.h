// Test-then-train metrics: every row is scored by the weights from before its window was trained, so no row
// is judged by a network that has seen it (Dawid 1984; Gama, Sebastião and Rodrigues 2013, "On evaluating
// stream learning algorithms").
//
// Two views of the same scores: the whole run, and a sliding horizon of the newest rows. AUC needs the scores
// themselves, so it exists for the horizon only; with fewer rows than the horizon both views cover the same.
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "millrace/metrics.h"

namespace millrace {

// Of no rows, every metric is undefined.
struct StreamMetrics {
  std::uint64_t rows = 0;
  std::optional<double> loss;      // mean binary cross-entropy, nats
  std::optional<double> accuracy;  // at probability 0.5
};

// Area under the ROC curve, exactly: the share of (positive, negative) pairs in which the positive scores
// higher, ties counted half (Mann and Whitney 1947). Labels of 0.5 and more are positive. Reorders its input.
struct ScoredRow {
  float logit;
  float label;
};
[[nodiscard]] std::optional<double> area_under_roc(std::span<ScoredRow> rows);

// Binary cross-entropy of one row from its logit, in nats, stable for any finite logit.
[[nodiscard]] double cross_entropy(double logit, double label);

class Prequential {
 public:
  explicit Prequential(std::size_t horizon_rows);

  void add(std::span<const float> logits, std::span<const float> labels);

  [[nodiscard]] std::uint64_t rows() const { return confusion_.rows(); }
  [[nodiscard]] const ConfusionMatrix& confusion() const { return confusion_; }
  // Everything since construction.
  [[nodiscard]] StreamMetrics run() const;
  // The newest `horizon_rows` rows; costs a pass over them.
  [[nodiscard]] StreamMetrics horizon() const;
  // Of the horizon; costs a sort of it. Undefined while it holds one class only.
  [[nodiscard]] std::optional<double> auc();

 private:
  const std::size_t horizon_rows_;
  std::vector<ScoredRow> newest_;  // a ring once it has grown to horizon_rows_
  std::size_t oldest_ = 0;         // where the ring begins
  std::vector<ScoredRow> sorted_;  // scratch
  double loss_sum_ = 0;
  ConfusionMatrix confusion_;
};

}  // namespace millrace
