// A training run as it stands at one moment, in numbers and words: what /metrics, /status.json and
// TensorBoard are made of. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/learning_curve.h"
#include "report/run_summary.h"

namespace millrace {

struct PartitionStatus {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t trained = 0;  // the next offset
  std::int64_t log_end = 0;  // as last heard

  [[nodiscard]] std::int64_t lag() const { return log_end > trained ? log_end - trained : 0; }
};

// How far the newest rows are from all rows before them.
struct FeatureDrift {
  std::string name;
  double running_mean = 0;
  double newest_mean = 0;
  double deviations = 0;  // (newest - running) / running standard deviation; 0 where nothing varies
};

// Rates at one second of the run.
struct RatePoint {
  double seconds = 0;  // since the run began
  double decoded_rows_per_s = 0;
  double trained_rows_per_s = 0;
  double lag = 0;  // records, all partitions
};

struct StatusMessage {
  std::int64_t at_ms = 0;  // since the Unix epoch
  std::string text;
};

struct RunStatus {
  std::string version;
  std::string kafka_client;  // version of librdkafka
  std::string engine;        // one line for people
  std::string activity;      // "training", …
  bool ready = false;
  std::string not_ready;  // why; empty if ready

  std::int64_t started_at_ms = 0;  // since the Unix epoch
  RunTotals run;                   // every reason has its count, 0 included
  std::uint64_t dead_letters = 0;  // of this run, acknowledged
  std::uint64_t data_losses = 0;   // of this run, where reading went on without lost records
  std::uint64_t lost_offsets = 0;  // of these, as far as it is known how many
  std::uint64_t lifetime_rows = 0;

  // Prequential, of the newest rows.
  std::uint64_t horizon_rows = 0;
  std::optional<double> loss, accuracy, auc;
  std::optional<double> training_loss;  // of the newest window, over its epochs

  std::vector<PartitionStatus> partitions;
  std::optional<double> broker_silence_s;

  std::uint64_t decoded_rows = 0;
  std::uint64_t window_slots = 0;
  std::uint64_t full_window_slots = 0;
  double waiting_s = 0;
  double training_s = 0;
  double saving_s = 0;

  std::uint64_t checkpoints = 0;
  std::optional<std::int64_t> checkpoint_at_ms;
  double checkpoint_s = 0;  // that writing the newest one took
  std::uint64_t checkpoint_bytes = 0;
  std::uint64_t commits = 0;
  std::uint64_t failed_commits = 0;

  std::uint64_t memory_budget_bytes = 0;
  std::uint64_t resident_bytes = 0;
  double cpu_s = 0;
  std::uint64_t open_files = 0;

  std::vector<FeatureDrift> drift;  // the farthest first

  // For people only.
  std::vector<CurvePoint> curve;
  std::vector<RatePoint> rates;
  std::vector<StatusMessage> messages;  // the newest last
  std::vector<Setting> settings;
};

}  // namespace millrace
