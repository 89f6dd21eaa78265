// The one table of metrics. /metrics, docs/metrics.md and the checks of the dashboard all come from it.
// Constant data and pure functions; any thread may use them.
//
// Names and units follow Prometheus' conventions: base units, `_total` for what only grows, one unit per
// metric, moments in time as seconds since the Unix epoch. Counters begin at 0 with each run.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/predict_status.h"
#include "report/run_status.h"

namespace millrace {

enum class MetricType { counter, gauge };

struct MetricSample {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

template <typename Status>
struct MetricOf {
  std::string_view name;
  MetricType type;
  std::string_view labels;                                  // names, with commas between them; empty: none
  std::string_view sentence;                                // without a final full stop
  std::vector<MetricSample> (*read)(const Status& status);  // what is undefined has no sample
};

using Metric = MetricOf<RunStatus>;
using PredictMetric = MetricOf<PredictStatus>;

[[nodiscard]] std::span<const Metric> metric_table();
[[nodiscard]] std::span<const PredictMetric> predict_metric_table();

// Prometheus' text format, version 0.0.4.
[[nodiscard]] std::string prometheus_text(const RunStatus& status);
[[nodiscard]] std::string prometheus_text(const PredictStatus& status);
inline constexpr const char* kPrometheusTextType = "text/plain; version=0.0.4; charset=utf-8";

// docs/metrics.md.
[[nodiscard]] std::string metrics_markdown();

}  // namespace millrace
