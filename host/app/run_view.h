// What a person sees of a training run while it goes on, and what is left of it for the report.
//
// One thread uses it, as the observer of run_train_job. A thread of its own keeps the line true while no
// window comes: then the rate falls and the time left is not told any more.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <span>
#include <stop_token>
#include <string_view>
#include <thread>

#include "report/html_report.h"
#include "report/learning_curve.h"
#include "report/pace.h"
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
  using Clock = std::chrono::steady_clock;

  void take(const TrainTick& tick, const SourceCounts& source);
  void keep_true(const std::stop_token& stop);
  // With mutex_ held.
  void show(double seconds);

  Progress& progress_;
  LearningCurve curve_;
  double auc_at_ = -1;  // seconds: when AUC was last computed

  std::mutex mutex_;  // guards these
  ProgressSample newest_;
  Clock::time_point newest_at_;
  Pace pace_;
  bool anything_ = false;

  std::condition_variable_any stopped_;
  std::jthread keeper_;  // last: it uses all of the above
};

// The learning curves of one or more runs, as plots: prequential loss, accuracy and AUC over rows.
struct NamedCurve {
  std::string name;
  const LearningCurve* curve;
};
[[nodiscard]] std::vector<Report::Plot> learning_plots(std::span<const NamedCurve> curves);

}  // namespace millrace
