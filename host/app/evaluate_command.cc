#include "app/evaluate_command.h"

#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <vector>

#include "app/avro_schemas.h"
#include "app/job_options.h"
#include "app/log_output.h"
#include "app/stop_signals.h"
#include "app/summaries.h"
#include "report/figures.h"
#include "report/pace.h"
#include "report/progress.h"
#include "state/state_folder.h"

namespace millrace {

namespace {

constexpr std::chrono::milliseconds kStopDeadline{5'000};

ProgressSample sample_of(std::uint64_t bad_records, const StreamMetrics& metrics, double seconds) {
  return {.seconds = seconds,
          .rows = metrics.rows,
          .bad_records = bad_records,
          .rows_per_s = per_second(metrics.rows, seconds),
          .loss = metrics.loss,
          .accuracy = metrics.accuracy};
}

ProgressSample sample_of(const EvaluateTick& tick, Pace& pace) {
  const double seconds = tick.elapsed.count();
  pace.take(seconds, tick.metrics.rows, tick.left);
  ProgressSample sample = sample_of(tick.bad_records, tick.metrics, seconds);
  sample.rows_per_s = pace.rows_per_s(seconds);
  sample.has_end = tick.left.has_value();
  sample.seconds_left = pace.seconds_left(seconds);
  return sample;
}

}  // namespace

ExitCode run_evaluate(const OptionValues& options) {
  const LogFormat format = log_format_of(options.text("log-format"));
  log_to_stderr(format);
  const std::string& folder = options.text("state");
  Progress progress(options.flag("quiet"), stderr, format);
  const LogAboveProgress log(progress);
  std::vector<std::string> fallbacks;
  const std::optional<Checkpoint> checkpoint = read_newest_checkpoint(folder, &fallbacks);
  for (const std::string& sentence : fallbacks) progress.note(sentence);
  if (!checkpoint) throw StateError(StateError::Kind::missing, folder, "it holds no checkpoint");

  EvaluateJob job = evaluate_job(options, checkpoint->settings);
  StopSignals signals(kStopDeadline);
  signals.set_idle(true);
  job.decoder.schemas = avro_schemas(options, signals.token());
  Pace pace;
  const EvaluateResult result = run_evaluate_job(
      job, *checkpoint,
      [&](const EvaluateTick& tick) {
        signals.set_idle(false);
        progress.update(sample_of(tick, pace));
      },
      signals.token());
  signals.set_idle(false);
  progress.finish(sample_of(sum_of(result.bad_records), result.metrics, result.elapsed.count()));

  EvaluateSummary summary = summary_of(result);
  summary.checkpoint = checkpoint_file_name(checkpoint->sequence);
  fmt::print("{}\n", options.flag("json") ? json_of(summary) : text_of(summary));
  return ExitCode::done;
}

}  // namespace millrace
