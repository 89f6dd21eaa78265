// What a person sees of a training run while it goes on, and what is left of it for the report.
//
// One thread uses it, as the observer of run_train_job.
#pragma once

#include <span>
#include <string_view>

#include "report/html_report.h"
#include "report/learning_curve.h"
#include "report/live_line.h"
#include "report/progress.h"
#include "train/train_job.h"

namespace millrace {

class RunView {
 public:
  explicit RunView(Progress& progress);
  RunView(const RunView&) = delete;
  RunView& operator=(const RunView&) = delete;

  // An observer that refers to this view.
  [[nodiscard]] TrainObserver observer();

  // The last line of progress. Call it once, when the run is over.
  void finish(const TrainResult& result);

  [[nodiscard]] const LearningCurve& curve() const { return curve_; }

 private:
  void take(const TrainTick& tick, const SourceCounts& source);

  Progress& progress_;
  LiveLine line_;
  LearningCurve curve_;
  ProgressSample newest_;
  double auc_due_ = 0;  // seconds: when AUC is computed next
};

// The learning curves of one or more runs, as plots: prequential loss, accuracy and AUC over rows.
struct NamedCurve {
  std::string name;
  const LearningCurve* curve;
};
[[nodiscard]] std::vector<Report::Plot> learning_plots(std::span<const NamedCurve> curves);

}  // namespace millrace
