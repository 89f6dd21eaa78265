#include "app/scalar_log.h"

#include <fmt/format.h>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "train/reading.h"

namespace millrace {

namespace {

using namespace std::chrono_literals;

// Bounds the file: some 30 MB a day.
constexpr auto kBetweenPoints = 1s;

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

TrainObserver ScalarLog::observer(TrainObserver other) {
  note_ = other.note;
  TrainObserver both = std::move(other);
  both.opened = [this, next = std::move(both.opened)](const OpenedRun& run) {
    rows_before_ = run.checkpoint.lifetime.rows;
    open();
    next(run);
  };
  both.window = [this, next = std::move(both.window)](const TrainTick& tick, const SourceCounts& source) {
    take(tick, source);
    next(tick, source);
  };
  // The last windows have not waited their second when the run ends, but it ends with a checkpoint.
  both.saved = [this, next = std::move(both.saved)](const SavedCheckpoint& saved) {
    write();
    next(saved);
  };
  return both;
}

void ScalarLog::open() {
  try {
    file_.emplace(folder_, unix_seconds(), static_cast<std::int64_t>(rows_before_ + 1));
  } catch (const StateError& error) {
    throw OptionError(OptionError::Kind::invalid, "--tensorboard", folder_.string(),
                      fmt::format("{}; choose a folder that can be written", error.detail));
  }
}

void ScalarLog::take(const TrainTick& tick, const SourceCounts& source) {
  sums_.rows += tick.window.rows;
  sums_.loss += tick.window.loss_sum;
  sums_.correct += tick.window.correct;
  sums_.training_loss += tick.window.training_loss_sum;
  sums_.trained_rows += tick.window.trained_rows;
  counts_ = tick.counts;
  seconds_ = tick.elapsed.count();
  lag_ = static_cast<double>(offsets_behind(tick.finished, source.log_ends));
  metrics_ = &tick.metrics;
  if (!written_at_ || Clock::now() >= *written_at_ + kBetweenPoints) write();
}

void ScalarLog::write() {
  if (!file_ || sums_.rows == 0) return;
  const auto rows = static_cast<double>(sums_.rows);
  std::vector<ScalarPoint> points = {
      {"prequential/loss", sums_.loss / rows},
      {"prequential/accuracy", static_cast<double>(sums_.correct) / rows},
      {"stream/lag_records", lag_},
      {"stream/rows_per_second", seconds_ > 0 ? static_cast<double>(counts_.rows) / seconds_ : 0},
      {"stream/bad_records", static_cast<double>(sum_of(counts_.bad_records))},
      {"training/skipped_steps", static_cast<double>(counts_.skipped_steps)}};
  if (sums_.trained_rows > 0) {
    points.push_back({"training/loss", sums_.training_loss / static_cast<double>(sums_.trained_rows)});
  }
  if (const std::optional<double> auc = metrics_->auc()) points.push_back({"prequential/auc", *auc});
  sums_ = {};
  written_at_ = Clock::now();
  try {
    file_->write(unix_seconds(), static_cast<std::int64_t>(rows_before_ + counts_.rows), points);
  } catch (const StateError& error) {
    note_(fmt::format("TensorBoard's file {} could not be written ({}); training goes on without it.",
                      file_->file().string(), error.detail));
    file_.reset();
  }
}

}  // namespace millrace
