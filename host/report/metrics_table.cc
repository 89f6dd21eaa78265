#include "report/metrics_table.h"

#include <array>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <utility>

namespace millrace {
namespace {

using Samples = std::vector<MetricSample>;
using enum MetricType;

constexpr double kMillisecondsPerSecond = 1000;
// A metric per feature is worth it for the ones that moved, not for ten thousand that did not.
constexpr std::size_t kMostFeatures = 50;

template <typename T>
Samples one(T value) {
  return {{.labels = {}, .value = static_cast<double>(value)}};
}

Samples one(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return {};
  return {{.labels = {}, .value = *value}};
}

template <typename Value>
Samples per_partition(const RunStatus& status, Value value) {
  Samples samples;
  for (const PartitionStatus& partition : status.partitions) {
    samples.push_back(
        {{{"topic", partition.topic}, {"partition", std::to_string(partition.partition)}}, value(partition)});
  }
  return samples;
}

Samples by_reason(const ReasonCounts& counts) {
  Samples samples;
  for (const auto& [reason, count] : counts) {
    samples.push_back({{{"reason", reason}}, static_cast<double>(count)});
  }
  return samples;
}

Samples drift(const RunStatus& status) {
  Samples samples;
  for (const FeatureDrift& feature : status.drift) {
    if (samples.size() == kMostFeatures) break;
    samples.push_back({{{"feature", feature.name}}, feature.deviations});
  }
  return samples;
}

constexpr std::array kMetrics = {
    Metric{
        "millrace_build_info", gauge, "version,librdkafka,engine", "1; what runs, in its labels",
        [](const RunStatus& s) {
          return Samples{{{{"version", s.version}, {"librdkafka", s.kafka_client}, {"engine", s.engine}}, 1}};
        }},
    Metric{"millrace_ready", gauge, "", "1 where /readyz answers 200, else 0",
           [](const RunStatus& s) { return one(s.ready ? 1 : 0); }},

    Metric{"millrace_records_total", counter, "", "Records read and done with, bad ones included",
           [](const RunStatus& s) { return one(s.run.records); }},
    Metric{"millrace_rows_total", counter, "", "Rows trained, each once whatever the number of epochs",
           [](const RunStatus& s) { return one(s.run.rows); }},
    Metric{"millrace_windows_total", counter, "", "Windows trained",
           [](const RunStatus& s) { return one(s.run.windows); }},
    Metric{"millrace_steps_total", counter, "", "Updates of the weights",
           [](const RunStatus& s) { return one(s.run.steps); }},
    Metric{"millrace_skipped_steps_total", counter, "",
           "Updates dropped because a loss or a gradient was not finite",
           [](const RunStatus& s) { return one(s.run.skipped_steps); }},
    Metric{"millrace_bad_records_total", counter, "reason",
           "Records that gave no row; a tombstone is counted here and is no error",
           [](const RunStatus& s) { return by_reason(s.run.bad_records_by_reason); }},
    Metric{"millrace_dead_letters_total", counter, "",
           "Bad records that the broker confirmed in --dead-letter-topic",
           [](const RunStatus& s) { return one(s.dead_letters); }},
    Metric{"millrace_data_losses_total", counter, "",
           "Times that reading went on without records that were gone, under --on-data-loss continue",
           [](const RunStatus& s) { return one(s.data_losses); }},
    Metric{"millrace_lost_offsets_total", counter, "",
           "Offsets that were lost so, as far as it is known how many",
           [](const RunStatus& s) { return one(s.lost_offsets); }},

    Metric{"millrace_prequential_loss_nats", gauge, "",
           "Mean binary cross-entropy of the newest rows, each scored before it was trained",
           [](const RunStatus& s) { return one(s.loss); }},
    Metric{"millrace_prequential_accuracy_ratio", gauge, "",
           "Share of the newest rows that were classified right before they were trained",
           [](const RunStatus& s) { return one(s.accuracy); }},
    Metric{"millrace_prequential_auc_ratio", gauge, "",
           "Area under the ROC curve of the newest rows; absent while they are of one class",
           [](const RunStatus& s) { return one(s.auc); }},
    Metric{"millrace_prequential_rows", gauge, "",
           "Rows that the three above look back on (--auc-rows at most)",
           [](const RunStatus& s) { return one(s.horizon_rows); }},
    Metric{
        "millrace_training_loss_nats", gauge, "",
        "Mean loss while the newest window was trained, all epochs together: lower than the prequential one, "
        "and no measure of quality",
        [](const RunStatus& s) { return one(s.training_loss); }},
    Metric{
        "millrace_feature_drift_deviations", gauge, "feature",
        "Mean of a feature in the newest windows, less its mean in all rows, in standard deviations; the 50 "
        "features that moved farthest",
        &drift},

    Metric{"millrace_lag_records", gauge, "topic,partition", "Offsets in the log that are not trained yet",
           [](const RunStatus& s) {
             return per_partition(s, [](const PartitionStatus& p) { return static_cast<double>(p.lag()); });
           }},
    Metric{"millrace_trained_offset", gauge, "topic,partition", "The next offset to train",
           [](const RunStatus& s) {
             return per_partition(s, [](const PartitionStatus& p) { return static_cast<double>(p.trained); });
           }},
    Metric{"millrace_log_end_offset", gauge, "topic,partition", "The end of the log, as last heard",
           [](const RunStatus& s) {
             return per_partition(s, [](const PartitionStatus& p) { return static_cast<double>(p.log_end); });
           }},
    Metric{"millrace_broker_silence_seconds", gauge, "",
           "Time since the leaders of all partitions last answered; they are asked once a second",
           [](const RunStatus& s) { return one(s.broker_silence_s); }},
    Metric{"millrace_commits_total", counter, "", "Offset commits that the broker confirmed",
           [](const RunStatus& s) { return one(s.commits); }},
    Metric{"millrace_commit_failures_total", counter, "",
           "Offset commits that failed; harmless, positions are in the checkpoint",
           [](const RunStatus& s) { return one(s.failed_commits); }},

    Metric{"millrace_stage_rows_total", counter, "stage", "Rows that left a stage: decode, train",
           [](const RunStatus& s) {
             return Samples{{{{"stage", "decode"}}, static_cast<double>(s.decoded_rows)},
                            {{{"stage", "train"}}, static_cast<double>(s.run.rows)}};
           }},
    Metric{"millrace_loop_seconds_total", counter, "activity",
           "Where the time of the training loop went: waiting for windows, training, saving. One that always "
           "trains is limited by the engine, one that waits while there is lag by reading or decoding",
           [](const RunStatus& s) {
             return Samples{{{{"activity", "waiting"}}, s.waiting_s},
                            {{{"activity", "training"}}, s.training_s},
                            {{{"activity", "saving"}}, s.saving_s}};
           }},
    Metric{"millrace_window_slots", gauge, "", "Windows that there is room for",
           [](const RunStatus& s) { return one(s.window_slots); }},
    Metric{"millrace_window_slots_full", gauge, "", "Windows that are decoded and wait for the engine",
           [](const RunStatus& s) { return one(s.full_window_slots); }},

    Metric{"millrace_checkpoints_total", counter, "", "Checkpoints written",
           [](const RunStatus& s) { return one(s.checkpoints); }},
    Metric{"millrace_checkpoint_timestamp_seconds", gauge, "",
           "When the newest checkpoint was written; its age is time() less this",
           [](const RunStatus& s) {
             if (!s.checkpoint_at_ms) return Samples{};
             return one(static_cast<double>(*s.checkpoint_at_ms) / kMillisecondsPerSecond);
           }},
    Metric{"millrace_checkpoint_duration_seconds", gauge, "", "What writing the newest checkpoint took",
           [](const RunStatus& s) { return s.checkpoint_at_ms ? one(s.checkpoint_s) : Samples{}; }},
    Metric{"millrace_checkpoint_size_bytes", gauge, "", "Size of the newest checkpoint",
           [](const RunStatus& s) { return s.checkpoint_at_ms ? one(s.checkpoint_bytes) : Samples{}; }},

    Metric{"millrace_memory_budget_bytes", gauge, "", "--memory-bytes: for records and rows on their way",
           [](const RunStatus& s) { return one(s.memory_budget_bytes); }},
    Metric{"process_resident_memory_bytes", gauge, "", "Resident memory",
           [](const RunStatus& s) { return one(s.resident_bytes); }},
    Metric{"process_cpu_seconds_total", counter, "", "Processor time, user and system",
           [](const RunStatus& s) { return one(s.cpu_s); }},
    Metric{"process_open_fds", gauge, "", "Open file descriptors",
           [](const RunStatus& s) { return one(s.open_files); }},
    Metric{"process_start_time_seconds", gauge, "", "When the run began",
           [](const RunStatus& s) {
             return one(static_cast<double>(s.started_at_ms) / kMillisecondsPerSecond);
           }},
};

Samples latency(const PredictStatus& status) {
  Samples samples;
  for (const auto& [percentile, value] :
       {std::pair{"50", status.latency_p50_s}, {"99", status.latency_p99_s}}) {
    if (value) samples.push_back({{{"percentile", percentile}}, *value});
  }
  return samples;
}

constexpr std::array kPredictMetrics = {
    PredictMetric{
        "millrace_build_info", gauge, "version,librdkafka,engine", "1; what runs, in its labels",
        [](const PredictStatus& s) {
          return Samples{{{{"version", s.version}, {"librdkafka", s.kafka_client}, {"engine", s.engine}}, 1}};
        }},
    PredictMetric{"millrace_ready", gauge, "", "1 where /readyz answers 200, else 0",
                  [](const PredictStatus& s) { return one(s.ready ? 1 : 0); }},

    PredictMetric{"millrace_records_total", counter, "",
                  "Records whose offsets are committed, bad ones included",
                  [](const PredictStatus& s) { return one(s.records); }},
    PredictMetric{"millrace_predictions_total", counter, "", "Predictions committed, one a row",
                  [](const PredictStatus& s) { return one(s.rows); }},
    PredictMetric{"millrace_bad_records_total", counter, "reason",
                  "Records that gave no row; a tombstone is counted here and is no error",
                  [](const PredictStatus& s) { return by_reason(s.bad_records_by_reason); }},
    PredictMetric{
        "millrace_prediction_latency_seconds", gauge, "percentile",
        "Time from a record's timestamp to the commit of its prediction, of all records of this run",
        &latency},

    PredictMetric{"millrace_transactions_total", counter, "", "Transactions committed",
                  [](const PredictStatus& s) { return one(s.transactions); }},
    PredictMetric{"millrace_transactions_aborted_total", counter, "",
                  "Transactions that failed; their records were predicted again",
                  [](const PredictStatus& s) { return one(s.aborted); }},

    PredictMetric{"millrace_model_info", gauge, "model", "1; the checkpoint and the weights that predict",
                  [](const PredictStatus& s) {
                    return Samples{{{{"model", s.model}}, 1}};
                  }},
    PredictMetric{"millrace_model_timestamp_seconds", gauge, "",
                  "When the checkpoint that predicts was written; its age is time() less this",
                  [](const PredictStatus& s) {
                    return one(static_cast<double>(s.checkpoint_at_ms) / kMillisecondsPerSecond);
                  }},
    PredictMetric{"millrace_models_total", counter, "", "Newer checkpoints that were taken up",
                  [](const PredictStatus& s) { return one(s.models); }},

    PredictMetric{"process_resident_memory_bytes", gauge, "", "Resident memory",
                  [](const PredictStatus& s) { return one(s.resident_bytes); }},
    PredictMetric{"process_cpu_seconds_total", counter, "", "Processor time, user and system",
                  [](const PredictStatus& s) { return one(s.cpu_s); }},
    PredictMetric{"process_open_fds", gauge, "", "Open file descriptors",
                  [](const PredictStatus& s) { return one(s.open_files); }},
    PredictMetric{"process_start_time_seconds", gauge, "", "When the run began",
                  [](const PredictStatus& s) {
                    return one(static_cast<double>(s.started_at_ms) / kMillisecondsPerSecond);
                  }},
};

// A column's name need not be UTF-8, and a label must be.
std::string utf8(const std::string& text) {
  using nlohmann::json;
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

std::string_view name_of(MetricType type) { return type == counter ? "counter" : "gauge"; }

template <typename Status>
prometheus::MetricFamily family_of(const MetricOf<Status>& metric, const Status& status) {
  prometheus::MetricFamily family{
      .name = std::string(metric.name),
      .help = std::string(metric.sentence),
      .type = metric.type == counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge,
      .metric = {}};
  for (const MetricSample& sample : metric.read(status)) {
    prometheus::ClientMetric& made = family.metric.emplace_back();
    for (const auto& [name, value] : sample.labels) made.label.push_back({name, utf8(value)});
    (metric.type == counter ? made.counter.value : made.gauge.value) = sample.value;
  }
  return family;
}

template <typename Status>
std::string text_of(std::span<const MetricOf<Status>> table, const Status& status) {
  std::vector<prometheus::MetricFamily> families;
  for (const MetricOf<Status>& metric : table) {
    prometheus::MetricFamily family = family_of(metric, status);
    if (!family.metric.empty()) families.push_back(std::move(family));
  }
  const prometheus::TextSerializer serializer;
  return static_cast<const prometheus::Serializer&>(serializer).Serialize(families);
}

template <typename Status>
std::string rows_of(std::span<const MetricOf<Status>> table) {
  std::string rows = "| metric | type | labels | what it says |\n|---|---|---|---|\n";
  for (const MetricOf<Status>& metric : table) {
    rows += fmt::format("| `{}` | {} | {} | {}. |\n", metric.name, name_of(metric.type), metric.labels,
                        metric.sentence);
  }
  return rows;
}

}  // namespace

std::span<const Metric> metric_table() { return kMetrics; }
std::span<const PredictMetric> predict_metric_table() { return kPredictMetrics; }

std::string prometheus_text(const RunStatus& status) { return text_of(metric_table(), status); }
std::string prometheus_text(const PredictStatus& status) { return text_of(predict_metric_table(), status); }

std::string metrics_markdown() {
  std::string page =
      "# Metrics\n\n"
      "This page is generated: `millrace metrics-markdown > docs/metrics.md`.\n\n"
      "`millrace train --listen 9099` serves them at `http://127.0.0.1:9099/metrics`, in Prometheus' text "
      "format;\n"
      "[Watching a run](monitoring.md) says how to collect and draw them. Counters begin at 0 with each "
      "run.\n\n";
  page += rows_of(metric_table());
  page +=
      "\n## Of predictions\n\n"
      "`millrace predict --listen 9099` serves these there, besides `/healthz` and `/readyz`. The lag is the "
      "group's, at the broker.\n\n";
  page += rows_of(predict_metric_table());
  return page;
}

}  // namespace millrace
