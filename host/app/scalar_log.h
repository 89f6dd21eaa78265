// A run's scalars over the rows that its state was trained on, for TensorBoard (--tensorboard).
//
// One thread, the one that runs the job. A folder that cannot be written any more ends the log and not the
// run.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "report/event_file.h"
#include "train/train_job.h"

namespace millrace {

class ScalarLog {
 public:
  explicit ScalarLog(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // An observer that tells this log and `other`; the log's own troubles are notes, but for a folder that
  // cannot be written from the beginning: then `opened` throws OptionError.
  [[nodiscard]] TrainObserver observer(TrainObserver other);

 private:
  using Clock = std::chrono::steady_clock;

  void open();
  void take(const TrainTick& tick, const SourceCounts& source);
  void write();

  const std::filesystem::path folder_;
  std::function<void(std::string_view)> note_;
  std::optional<EventFile> file_;
  std::uint64_t rows_before_ = 0;  // of the state, when this run began

  // Of the windows since the last point.
  struct Sums {
    std::uint64_t rows = 0;
    double loss = 0;
    std::uint64_t correct = 0;
    double training_loss = 0;
    std::uint64_t trained_rows = 0;
  };
  Sums sums_;
  std::optional<Clock::time_point> written_at_;

  // As of the newest window.
  RunCounts counts_;
  double seconds_ = 0;
  double lag_ = 0;
  Prequential* metrics_ = nullptr;  // the trainer's
};

}  // namespace millrace
