#include "app/predict_watch.h"

#include <librdkafka/rdkafka.h>
#include <optional>

#include "app/process_figures.h"
#include "app/run_watch.h"
#include "app/summaries.h"
#include "report/log_line.h"
#include "report/metrics_table.h"

namespace millrace {

namespace {

constexpr const char* kText = "text/plain; charset=utf-8";

std::optional<double> seconds(const LatencyHistogram& latency, double share) {
  const auto quantile = latency.quantile(share);
  if (!quantile) return std::nullopt;
  return std::chrono::duration<double>(*quantile).count();
}

}  // namespace

PredictWatch::PredictWatch(const OptionValues& options)
    : status_{.version = MILLRACE_VERSION,
              .kafka_client = rd_kafka_version_str(),
              .engine = options.text("engine"),
              .bad_records_by_reason = all_reason_counts({}),
              .started_at_ms = unix_milliseconds()},
      server_(listen_address(options), [this](std::string_view path) { return answer(path); }) {}

void PredictWatch::take(const PredictCounts& counts, const Checkpoint& checkpoint) {
  const std::lock_guard lock(mutex_);
  taken_at_ = Clock::now();
  status_.records = counts.records;
  status_.rows = counts.rows;
  status_.bad_records_by_reason = all_reason_counts(counts.bad_records);
  status_.transactions = counts.transactions;
  status_.aborted = counts.aborted;
  status_.latency_p50_s = seconds(counts.latency, 0.5);
  status_.latency_p99_s = seconds(counts.latency, 0.99);
  status_.models = counts.models;
  if (status_.checkpoint_at_ms == checkpoint.written_at_ms && status_.checkpoint == checkpoint.sequence)
    return;
  status_.model = model_version(checkpoint);
  status_.checkpoint = checkpoint.sequence;
  status_.checkpoint_at_ms = checkpoint.written_at_ms;
}

PredictStatus PredictWatch::status() const {
  const ProcessFigures process = process_figures();
  const std::lock_guard lock(mutex_);
  PredictStatus status = status_;
  status.ready = Clock::now() - taken_at_ < kSilence;
  status.resident_bytes = process.resident_bytes;
  status.cpu_s = process.cpu_s;
  status.open_files = process.open_files;
  return status;
}

HttpResponse PredictWatch::answer(std::string_view path) const {
  if (path == "/metrics") return {200, kPrometheusTextType, prometheus_text(status())};
  if (path == "/healthz") return {200, kText, "alive\n"};
  if (path == "/readyz") {
    return status().ready ? HttpResponse{200, kText, "ready\n"}
                          : HttpResponse{503, kText, "not ready: nothing was done for ten seconds\n"};
  }
  return {404, kText, "Here are /metrics, /healthz and /readyz.\n"};
}

}  // namespace millrace
