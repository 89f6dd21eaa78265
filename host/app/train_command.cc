#include "app/train_command.h"

#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>
#include <utility>

#include "app/avro_schemas.h"
#include "app/job_options.h"
#include "app/log_output.h"
#include "app/run_view.h"
#include "app/run_watch.h"
#include "app/scalar_log.h"
#include "app/stop_signals.h"
#include "app/summaries.h"

namespace millrace {

namespace {

constexpr std::chrono::milliseconds kStopDeadline{9'000};

Report report_of(const TrainJob& job, const TrainResult& result, const LearningCurve& curve) {
  const NamedCurve named{"prequential", &curve};
  const auto metric = [](std::optional<double> value) { return value ? fmt::format("{:.4f}", *value) : "–"; };
  Report report{
      .title = "millrace train",
      .subtitle = fmt::format("{}, {} rows in {:.1f} s", fmt::join(job.source.topics, ", "),
                              result.counts.rows, result.elapsed.count()),
      .tables = {{.title = "This run, tested before it was trained",
                  .columns = {"", "rows", "loss", "accuracy", "AUC"},
                  .rows = {{"prequential", std::to_string(result.counts.rows), metric(result.metrics.loss),
                            metric(result.metrics.accuracy), metric(result.auc)}},
                  .note = "Every row was scored by the weights from before its window was trained."}},
      .plots = learning_plots({&named, 1}),
      .footer = fmt::format("{} · {}", result.engine, result.checkpoint_file.string())};
  return report;
}

}  // namespace

ExitCode run_train(const OptionValues& options) {
  const LogFormat format = log_format_of(options.text("log-format"));
  log_to_stderr(format);
  TrainJob job = train_job(options);
  StopSignals signals(kStopDeadline);
  job.decoder.schemas = avro_schemas(options, signals.token());
  signals.set_idle(true);
  Progress progress(options.flag("quiet"), stderr, format);
  const LogAboveProgress log(progress);
  RunView view(progress);
  TrainObserver observer = view.observer();
  std::optional<RunWatch> watch;
  std::optional<ScalarLog> scalars;
  if (options.given("tensorboard")) {
    scalars.emplace(options.text("tensorboard"));
    observer = scalars->observer(std::move(observer));
  }
  if (options.given("listen")) {
    watch.emplace(options, job, signals.token());
    job.source.answers = watch->answers();
    observer = watch->observer(std::move(observer));
    progress.note(fmt::format("Listening on {}", watch->url()));
  }
  observer.opened = [&signals, opened = std::move(observer.opened)](const OpenedRun& run) {
    signals.set_idle(false);
    opened(run);
  };
  const TrainResult result = run_train_job(job, observer, signals.token());
  view.finish(result);
  if (!result.offsets_committed) {
    progress.note(
        "The broker did not confirm the last offset commit. Nothing is lost: positions are in the "
        "checkpoint.");
  }
  if (!options.text("report").empty()) {
    write_report(options.text("report"), report_of(job, result, view.curve()));
    progress.note(fmt::format("Report: {}", options.text("report")));
  }
  const TrainSummary summary = summary_of(result);
  fmt::print("{}\n", options.flag("json") ? json_of(summary) : text_of(summary));
  return ExitCode::done;
}

}  // namespace millrace
