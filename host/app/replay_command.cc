#include "app/replay_command.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "app/avro_schemas.h"
#include "app/job_options.h"
#include "app/log_output.h"
#include "app/stop_signals.h"
#include "report/progress.h"
#include "report/run_summary.h"
#include "state/state_folder.h"
#include "train/verify_job.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kStopDeadline{5'000};

void require_both(const OptionValues& options) {
  const auto missing = [](const char* what, const std::string& form) {
    return OptionError(OptionError::Kind::missing, what, "", "`millrace replay` needs " + form);
  };
  if (options.positional().empty()) throw missing("DIR", "the state folder, DIR");
  if (options.text("brokers").empty()) throw missing("--brokers", "--brokers HOST:PORT[,...]");
}

ReplaySummary::Step step_of(const VerifiedStep& step) {
  return {.from = step.from,
          .to = step.to,
          .windows = step.counts.windows,
          .rows = step.counts.rows,
          .equal = step.equal};
}

// Trains what stands after the newest checkpoint, and saves it as a new one.
ReplaySummary bring_up_to_date(const ReplayJob& job, const StopSignals& signals) {
  static_cast<void>(list_checkpoints(job.state));  // a folder that is missing is not to be made
  StateFolder state = StateFolder::open(job.state);
  std::optional<Checkpoint> checkpoint = state.newest();
  if (!checkpoint) throw StateError(StateError::Kind::missing, job.state.string(), "it holds no checkpoint");
  for (const std::string& sentence : state.fallbacks()) job.note(sentence);
  const std::vector<JournalSegment> segments = state.journal_after(*checkpoint);
  for (const std::string& sentence : state.journal_notes()) job.note(sentence);
  ReplaySummary summary;
  ReplayCounts counts;
  const std::uint64_t from = checkpoint->sequence;
  if (!holds_windows(segments) || !replay_journal(job, segments, *checkpoint, counts, signals.token())) {
    return summary;
  }
  // The segments that a run begins name its partitions; the positions name all that there may be.
  std::vector<PartitionStart> partitions;
  for (const TrainedPosition& each : checkpoint->positions) partitions.push_back({each.partition, each.next});
  state.save(*checkpoint, partitions);
  summary.steps.push_back({.from = from,
                           .to = checkpoint->sequence,
                           .windows = counts.windows,
                           .rows = counts.rows,
                           .equal = counts.changed_windows == 0});
  return summary;
}

}  // namespace

ExitCode run_replay(const OptionValues& options) {
  require_both(options);
  Progress progress(options.flag("quiet"));
  const LogAboveProgress log(progress);
  ReplayJob job = replay_job(options);
  job.note = [&](std::string_view sentence) { progress.note(sentence); };
  const StopSignals signals(kStopDeadline);
  job.schemas = avro_schemas(options, signals.token());
  const Clock::time_point begun = Clock::now();
  ReplaySummary summary;
  if (options.flag("verify")) {
    const auto observe = [&](const VerifiedStep& step) {
      progress.note(fmt::format("Checkpoint {} {} from checkpoint {} by {} windows of the journal.", step.to,
                                step.equal ? "follows" : "does NOT follow", step.from, step.counts.windows));
    };
    for (const VerifiedStep& step : verify_state(job, observe, signals.token())) {
      summary.steps.push_back(step_of(step));
    }
  } else {
    summary = bring_up_to_date(job, signals);
  }
  summary.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  fmt::print("{}\n", options.flag("json") ? json_of(summary) : text_of(summary));
  const auto wrong = std::ranges::find(summary.steps, false, &ReplaySummary::Step::equal);
  if (options.flag("verify") && wrong != summary.steps.end()) {
    throw StateError(
        StateError::Kind::damaged, (job.state / checkpoint_file_name(wrong->to)).string(),
        fmt::format("training the journal after checkpoint {} again gives another state", wrong->from));
  }
  return ExitCode::done;
}

}  // namespace millrace
