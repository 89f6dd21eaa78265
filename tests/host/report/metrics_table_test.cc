#include "report/metrics_table.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <set>
#include <string>

#include "host/report/sample_status.h"
#include "report/run_summary.h"
#include "support/process.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string contents(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

TEST(Metrics, ArePrometheusText) {
  const std::string text = prometheus_text(sample_status());
  EXPECT_THAT(text, HasSubstr("\nmillrace_rows_total 1234567890123\n")) << "a count loses no digit";
  EXPECT_THAT(text, HasSubstr("millrace_lag_records{topic=\"clicks\",partition=\"1\"} 30\n"));
  EXPECT_THAT(text, HasSubstr("millrace_bad_records_total{reason=\"not_finite\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE millrace_rows_total counter\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE millrace_ready gauge\n"));
}

TEST(Metrics, SayNothingOfWhatIsUndefined) {
  RunStatus status = sample_status();
  status.auc.reset();
  status.checkpoint_at_ms.reset();
  status.training_loss = std::numeric_limits<double>::quiet_NaN();
  const std::string text = prometheus_text(status);
  for (const char* name : {"prequential_auc", "checkpoint_timestamp", "training_loss"}) {
    EXPECT_THAT(text, Not(HasSubstr(name)));
  }
}

// Names and units by convention, help for each, escaping: as Prometheus' own tool sees it.
TEST(Metrics, PassPromtool) {
  const support::ProcessResult result = support::run_process(
      {.arguments = {MILLRACE_PROMTOOL, "check", "metrics"}, .input = prometheus_text(sample_status())},
      std::chrono::seconds(60));
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.out + result.err, "");
}

PredictStatus sample_predictions() {
  return {.version = "1.0",
          .kafka_client = "2.0.2",
          .engine = "cpu",
          .ready = true,
          .records = 1'234'567'890'123,
          .bad_records_by_reason = {{"malformed", 3}},
          .latency_p50_s = 0.034,
          .latency_p99_s = 0.062,
          .model = "42-0123456789abcdef",
          .checkpoint_at_ms = 1'764'000'050'000};
}

TEST(PredictMetrics, PassPromtoolAndSayLatenciesInSeconds) {
  const std::string text = prometheus_text(sample_predictions());
  EXPECT_THAT(text, HasSubstr("millrace_prediction_latency_seconds{percentile=\"99\"} 0.062\n"));
  EXPECT_THAT(text, HasSubstr("\nmillrace_records_total 1234567890123\n"));
  const support::ProcessResult result = support::run_process(
      {.arguments = {MILLRACE_PROMTOOL, "check", "metrics"}, .input = text}, std::chrono::seconds(60));
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.out + result.err, "");
}

TEST(PredictMetrics, HaveTheLabelsThatTheTableSays) {
  for (const PredictMetric& metric : predict_metric_table()) {
    const auto samples = metric.read(sample_predictions());
    EXPECT_FALSE(samples.empty()) << metric.name;
    for (const MetricSample& sample : samples) {
      std::string names;
      for (const auto& [name, value] : sample.labels) names += (names.empty() ? "" : ",") + name;
      EXPECT_EQ(names, metric.labels) << metric.name;
    }
  }
}

TEST(MetricTable, HasEachNameOnce) {
  std::set<std::string_view> names;
  for (const Metric& metric : metric_table()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_FALSE(metric.sentence.ends_with('.')) << metric.name;
    EXPECT_FALSE(metric.read(sample_status()).empty()) << metric.name << " is not in the sample";
  }
}

TEST(MetricTable, NamesTheLabelsThatSamplesHave) {
  for (const Metric& metric : metric_table()) {
    for (const MetricSample& sample : metric.read(sample_status())) {
      std::string names;
      for (const auto& [name, value] : sample.labels) names += (names.empty() ? "" : ",") + name;
      EXPECT_EQ(names, metric.labels) << metric.name;
    }
  }
}

TEST(MetricsPage, IsCurrent) {
  EXPECT_TRUE(contents(MILLRACE_SOURCE_DIR "/docs/metrics.md") == metrics_markdown())
      << "docs/metrics.md is not what the table of metrics says. Make it anew at the root of the "
         "repository:\n"
         "  build/release/millrace metrics-markdown > docs/metrics.md";
}

}  // namespace
}  // namespace millrace
