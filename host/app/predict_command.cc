#include "app/predict_command.h"

#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/avro_schemas.h"
#include "app/log_output.h"
#include "app/predict_options.h"
#include "app/predict_watch.h"
#include "app/stop_signals.h"
#include "app/summaries.h"
#include "decode/decoder_choice.h"
#include "predict/model_follower.h"
#include "report/figures.h"
#include "report/predict_summary.h"
#include "report/progress.h"

namespace millrace {

namespace {

constexpr std::chrono::milliseconds kStopDeadline{8'000};
constexpr StopSentences kStopSentences{
    .idle = "Stopped before it had begun; nothing was predicted, and nothing is lost.",
    .late =
        "Stopping took longer than its deadline; what was not committed is predicted by the next "
        "run.",
    .late_code = ExitCode::done};

std::optional<double> latency_ms(const PredictCounts& counts, double share) {
  const auto latency = counts.latency.quantile(share);
  if (!latency) return std::nullopt;
  return std::chrono::duration<double, std::milli>(*latency).count();
}

ProgressSample sample_of(const PredictCounts& counts) {
  const double seconds = counts.elapsed.count();
  return {.seconds = seconds,
          .rows = counts.rows,
          .bad_records = sum_of(counts.bad_records),
          .rows_per_s = per_second(counts.rows, seconds),
          .latency_p50_ms = latency_ms(counts, 0.5),
          .latency_p99_ms = latency_ms(counts, 0.99)};
}

PredictSummary summary_of(const PredictCounts& counts, const RowScorer& scorer) {
  return {.records = counts.records,
          .rows = counts.rows,
          .bad_records = sum_of(counts.bad_records),
          .bad_records_by_reason = reason_counts(counts.bad_records),
          .seconds = counts.elapsed.count(),
          .latency_p50_ms = latency_ms(counts, 0.5),
          .latency_p99_ms = latency_ms(counts, 0.99),
          .models = counts.models,
          .model = scorer.model_version()};
}

PredictSummary summary_of(const TopicResult& result, const RowScorer& scorer) {
  PredictSummary summary = summary_of(result.counts, scorer);
  summary.topics = {.transactions = result.counts.transactions,
                    .aborted = result.counts.aborted,
                    .data_losses = result.data_losses,
                    .lost_offsets = result.lost_offsets};
  for (const CommitOffset& offset : result.committed)
    summary.topics->positions.push_back({.partition = offset.partition, .next = {offset.offset, 0}});
  return summary;
}

// Predictions have standard output for themselves.
void say(const PredictSummary& summary, const OptionValues& options) {
  const bool json = options.flag("json");
  const bool lines = options.flag("stdin");
  if (lines && !json && options.flag("quiet")) return;
  fmt::print(lines ? stderr : stdout, "{}\n", json ? json_of(summary) : text_of(summary));
}

}  // namespace

ExitCode run_predict(const OptionValues& options) {
  const LogFormat format = log_format_of(options.text("log-format"));
  log_to_stderr(format);
  check_predict_options(options);
  Progress progress(options.flag("quiet"), stderr, format);
  const LogAboveProgress log(progress);
  StopSignals signals(kStopDeadline, kStopSentences);
  ModelFollower models(options.text("state"), [&](std::string_view sentence) { progress.note(sentence); });
  DecoderSettings rows = predict_decoder(options, models.checkpoint().settings);
  rows.schemas = avro_schemas(options, signals.token());
  const std::unique_ptr<Decoder> decoder = make_decoder(rows);
  ScoringEngine engine = scoring_engine(options);
  engine.cuda.note = [&](const std::string& sentence) { progress.note(sentence); };
  RowScorer scorer(engine, *decoder, models);

  std::optional<PredictWatch> watch;
  if (!options.text("listen").empty() && !options.flag("stdin")) {
    watch.emplace(options);
    progress.note(fmt::format("Listening on {}", watch->url()));
  }

  signals.set_idle(true);
  const auto observe = [&](const PredictCounts& counts) {
    signals.set_idle(false);
    progress.update(sample_of(counts));
    if (watch) watch->take(counts, models.checkpoint());
  };
  PredictSummary summary;
  PredictCounts counts;
  if (options.flag("stdin")) {
    counts = run_line_job(line_job(options), scorer, observe, signals.token());
    summary = summary_of(counts, scorer);
  } else {
    const TopicResult result = run_topic_job(topic_job(options), scorer, observe, signals.token());
    counts = result.counts;
    summary = summary_of(result, scorer);
  }
  progress.finish(sample_of(counts));
  say(summary, options);
  return ExitCode::done;
}

}  // namespace millrace
