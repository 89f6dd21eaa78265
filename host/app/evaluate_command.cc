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
#include "report/live_line.h"
#include "report/progress.h"
#include "state/state_folder.h"

namespace millrace {

namespace {

constexpr std::chrono::milliseconds kStopDeadline{5'000};

constexpr StopSentences kStopSentences{
    .idle = "Stopped before it had begun; nothing was evaluated.",
    .late =
        "Stopping took longer than its deadline; what was evaluated is not told, start again "
        "with the same command."};

ProgressSample sample_of(std::uint64_t bad_records, const StreamMetrics& metrics,
                         std::chrono::duration<double> elapsed) {
  return {.seconds = elapsed.count(),
          .rows = metrics.rows,
          .bad_records = bad_records,
          .loss = metrics.loss,
          .accuracy = metrics.accuracy};
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
  StopSignals signals(kStopDeadline, kStopSentences);
  signals.set_idle(true);
  job.decoder.schemas = avro_schemas(options, signals.token());
  LiveLine line(progress);
  const EvaluateResult result = run_evaluate_job(
      job, *checkpoint,
      [&](const EvaluateTick& tick) {
        signals.set_idle(false);
        line.take(sample_of(tick.bad_records, tick.metrics, tick.elapsed), tick.left);
      },
      signals.token());
  signals.set_idle(false);
  ProgressSample last = sample_of(sum_of(result.bad_records), result.metrics, result.elapsed);
  last.auc = result.auc;
  line.finish(last);

  EvaluateSummary summary = summary_of(result);
  summary.checkpoint = checkpoint_file_name(checkpoint->sequence);
  fmt::print("{}\n", options.flag("json") ? json_of(summary) : text_of(summary));
  return ExitCode::done;
}

}  // namespace millrace
