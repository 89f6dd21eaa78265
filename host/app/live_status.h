// The status of a running job, kept up to date by the thread that runs it and read by those who watch.
//
// Any thread may call anything. Keeps up at a cost of microseconds a window: what is dear (AUC, a pass over
// the rows for drift) is done twice a second at most.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/broker_answers.h"
#include "report/feature_drift.h"
#include "report/learning_curve.h"
#include "report/run_status.h"
#include "train/run_activity.h"
#include "train/train_job.h"

namespace millrace {

[[nodiscard]] std::string_view name_of(RunActivity activity);

class LiveStatus {
 public:
  explicit LiveStatus(const TrainJob& job);

  void begin(RunActivity activity);
  void opened(const OpenedRun& run);
  void take(const TrainTick& tick, const SourceCounts& source);
  void saved(const SavedCheckpoint& saved);
  void note(std::string_view sentence);

  // Measures the rates since the last call. Once a second.
  void measure(const BrokerAnswers& answers);

  // All but what health says.
  [[nodiscard]] RunStatus status(const BrokerAnswers& answers) const;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMostRates = 1200;
  static constexpr std::size_t kMostMessages = 20;

  void take_log_ends(std::span<const std::int64_t> log_ends);
  void take_quality(const TrainTick& tick);
  [[nodiscard]] double seconds() const;

  const Clock::time_point begun_ = Clock::now();

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  RunStatus status_;  // counts and figures as of the newest tick
  LearningCurve curve_;
  DriftMeter drift_;
  std::uint64_t lifetime_rows_before_ = 0;
  std::optional<Clock::time_point> quality_at_;
  RunActivity activity_ = RunActivity::starting;
  Clock::time_point activity_since_ = begun_;

  // The last measurement, and how many lie between two points of the curve of rates.
  double measured_at_ = 0;
  std::uint64_t measured_decoded_ = 0;
  std::uint64_t measured_trained_ = 0;
  std::uint64_t measurements_per_point_ = 1;
  std::uint64_t measurements_ = 0;
};

}  // namespace millrace
