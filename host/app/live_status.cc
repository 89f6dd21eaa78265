#include "app/live_status.h"

#include <algorithm>
#include <librdkafka/rdkafka.h>
#include <limits>
#include <stdexcept>

#include "app/process_figures.h"
#include "app/summaries.h"

namespace millrace {

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenLooks = 500ms;  // at AUC and drift
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : kUndefined; }

}  // namespace

std::string_view name_of(RunActivity activity) {
  switch (activity) {
    case RunActivity::starting:
      return "starting";
    case RunActivity::replaying:
      return "replaying";
    case RunActivity::waiting:
      return "waiting";
    case RunActivity::training:
      return "training";
    case RunActivity::saving:
      return "saving";
  }
  throw std::logic_error("an activity without a name");
}

LiveStatus::LiveStatus(const TrainJob& job) : drift_(job.decoder.feature_names) {
  status_.version = MILLRACE_VERSION;
  status_.kafka_client = rd_kafka_version_str();
  status_.started_at_ms = unix_ms();
  status_.memory_budget_bytes = job.source.memory_bytes;
  status_.run.bad_records_by_reason = all_reason_counts({});
}

void LiveStatus::begin(RunActivity activity) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  const double spent = std::chrono::duration<double>(now - activity_since_).count();
  if (activity_ == RunActivity::waiting) status_.waiting_s += spent;
  if (activity_ == RunActivity::training) status_.training_s += spent;
  if (activity_ == RunActivity::saving) status_.saving_s += spent;
  activity_ = activity;
  activity_since_ = now;
}

void LiveStatus::opened(const OpenedRun& run) {
  const std::lock_guard lock(mutex_);
  status_.engine = run.engine;
  status_.settings = settings_of(run.checkpoint.settings);
  lifetime_rows_before_ = run.checkpoint.lifetime.rows;
  drift_.take(run.checkpoint.model.standardizer);
  for (const TrainedPosition& position : run.positions) {
    status_.partitions.push_back({.topic = position.partition.topic,
                                  .partition = position.partition.partition,
                                  .trained = position.next.offset,
                                  .log_end = position.next.offset});
  }
}

void LiveStatus::take(const TrainTick& tick, const SourceCounts& source) {
  const std::lock_guard lock(mutex_);
  RunTotals& run = status_.run;
  run.records = tick.counts.records;
  run.rows = tick.counts.rows;
  run.windows = tick.counts.windows;
  run.steps = tick.counts.steps;
  run.skipped_steps = tick.counts.skipped_steps;
  run.bad_records_by_reason = all_reason_counts(tick.counts.bad_records);
  run.bad_records = sum_of(tick.counts.bad_records);
  status_.decoded_rows = tick.ring.rows;
  status_.window_slots = tick.ring.slots;
  status_.full_window_slots = tick.ring.full;
  status_.commits = source.committed;
  status_.failed_commits = source.failed_commits;
  status_.dead_letters = tick.counts.dead_letters;
  status_.data_losses = source.data_losses;
  status_.lost_offsets = source.lost_offsets;

  status_.partitions.resize(tick.finished.size());
  for (std::size_t index = 0; index < tick.finished.size(); ++index) {
    PartitionStatus& partition = status_.partitions[index];
    partition.topic = tick.finished[index].partition.topic;
    partition.partition = tick.finished[index].partition.partition;
    partition.trained = tick.finished[index].offset;
  }
  take_log_ends(source.log_ends);
  if (tick.window.rows > 0) take_quality(tick);
}

void LiveStatus::take_log_ends(std::span<const std::int64_t> log_ends) {
  for (std::size_t index = 0; index < std::min(log_ends.size(), status_.partitions.size()); ++index) {
    PartitionStatus& partition = status_.partitions[index];
    partition.log_end = std::max(partition.log_end, log_ends[index]);
  }
}

void LiveStatus::take_quality(const TrainTick& tick) {
  const Clock::time_point now = Clock::now();
  if (!quality_at_ || now >= *quality_at_ + kBetweenLooks) {
    const StreamMetrics horizon = tick.metrics.horizon();
    status_.horizon_rows = horizon.rows;
    status_.loss = horizon.loss;
    status_.accuracy = horizon.accuracy;
    status_.auc = tick.metrics.auc();
    drift_.take(tick.slot.view());
    quality_at_ = now;
  }
  const auto rows = static_cast<double>(tick.window.rows);
  const auto trained = static_cast<double>(tick.window.trained_rows);
  const double training_loss = ratio(tick.window.training_loss_sum, trained);
  status_.training_loss = training_loss;
  curve_.add({.rows = tick.counts.rows,
              .seconds = tick.elapsed.count(),
              .loss = tick.window.loss_sum / rows,
              .accuracy = static_cast<double>(tick.window.correct) / rows,
              .auc = status_.auc.value_or(kUndefined),
              .training_loss = training_loss});
}

void LiveStatus::saved(const SavedCheckpoint& saved) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(saved.file, error);
  const std::lock_guard lock(mutex_);
  ++status_.checkpoints;
  status_.checkpoint_at_ms = saved.checkpoint.written_at_ms;
  status_.checkpoint_s = saved.took.count();
  status_.checkpoint_bytes = error ? 0 : bytes;
  drift_.take(saved.checkpoint.model.standardizer);
}

void LiveStatus::note(std::string_view sentence) {
  const std::lock_guard lock(mutex_);
  if (status_.messages.size() == kMostMessages) status_.messages.erase(status_.messages.begin());
  status_.messages.push_back({.at_ms = unix_ms(), .text = std::string(sentence)});
}

double LiveStatus::seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

void LiveStatus::measure(const BrokerAnswers& answers) {
  const std::vector<std::int64_t> log_ends = answers.log_ends();
  const std::lock_guard lock(mutex_);
  take_log_ends(log_ends);
  if (++measurements_ % measurements_per_point_ != 0) return;
  const double now = seconds();
  const double passed = now - measured_at_;
  double lag = 0;
  for (const PartitionStatus& partition : status_.partitions) lag += static_cast<double>(partition.lag());
  std::vector<RatePoint>& rates = status_.rates;
  if (rates.size() == kMostRates) {  // half as many, for twice as long
    for (std::size_t pair = 0; pair < kMostRates / 2; ++pair) rates[pair] = rates[2 * pair + 1];
    rates.resize(kMostRates / 2);
    measurements_per_point_ *= 2;
  }
  rates.push_back(
      {.seconds = now,
       .decoded_rows_per_s = static_cast<double>(status_.decoded_rows - measured_decoded_) / passed,
       .trained_rows_per_s = static_cast<double>(status_.run.rows - measured_trained_) / passed,
       .lag = lag});
  measured_at_ = now;
  measured_decoded_ = status_.decoded_rows;
  measured_trained_ = status_.run.rows;
}

RunStatus LiveStatus::status(const BrokerAnswers& answers) const {
  const ProcessFigures process = process_figures();
  const std::optional<BrokerAnswers::Clock::duration> silence = answers.silence(Clock::now());
  const std::lock_guard lock(mutex_);
  RunStatus status = status_;
  status.run.seconds = seconds();
  status.lifetime_rows = lifetime_rows_before_ + status.run.rows;
  status.activity = name_of(activity_);
  const std::span<const CurvePoint> points = curve_.points();
  status.curve.assign(points.begin(), points.end());
  status.drift = drift_.drift();
  if (silence) status.broker_silence_s = std::chrono::duration<double>(*silence).count();
  status.resident_bytes = process.resident_bytes;
  status.cpu_s = process.cpu_s;
  status.open_files = process.open_files;
  return status;
}

}  // namespace millrace
