#include "bench/end_to_end_stage.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/engine_choice.h"

#include "bench/own_topic.h"
#include "bench/rounds.h"
#include "bench/sample_rows.h"
#include "bench/step_stage.h"

namespace millrace {
namespace {

// An engine and a window for it, to see how fast steps are when nothing else has to be done.
class StepsAlone {
 public:
  StepsAlone(const TrainJob& job, int threads)
      : engine_(make_engine({.choice = job.engine,
                             .shape = job.shape,
                             .training = job.training,
                             .max_window_rows = job.window_rows,
                             .threads = threads,
                             .cuda = job.cuda})),
        window_(*engine_, job.window_rows, job.shape.features()),
        rows_(job.window_rows) {
    static_cast<void>(seconds_to_train(*engine_, window_.view()));
  }

  [[nodiscard]] bool on_cpu() const { return engine_->name() == "cpu"; }

  [[nodiscard]] double rows_per_s() {
    constexpr int kWindows = 3;
    double best = seconds_to_train(*engine_, window_.view());
    for (int i = 1; i < kWindows; ++i) best = std::min(best, seconds_to_train(*engine_, window_.view()));
    return rows_ / best;
  }

 private:
  const std::unique_ptr<Engine> engine_;
  const SampleWindow window_;
  const double rows_;
};

// The CPU engine on one thread and on all of the machine: the faster of the two is the bound.
std::vector<std::unique_ptr<StepsAlone>> engines_alone(const TrainJob& job) {
  std::vector<std::unique_ptr<StepsAlone>> engines;
  engines.push_back(std::make_unique<StepsAlone>(job, 1));
  const int all_threads = static_cast<int>(std::thread::hardware_concurrency());
  if (engines.front()->on_cpu() && all_threads > 1) {
    engines.push_back(std::make_unique<StepsAlone>(job, all_threads));
  }
  return engines;
}

struct Trained {
  std::uint64_t rows = 0;
  double rows_per_s = 0;
  std::string engine;
};

// The rate is that between the first window and the last: a start happens once, however long a run is.
Trained train_once(const TrainJob& job, const std::stop_token& stop) {
  std::uint64_t rows_before = 0;
  double seconds_before = 0;
  double rows = 0;
  double seconds = 0;
  const auto on_window = [&](const TrainTick& tick, const SourceCounts&) {
    if (rows_before == 0) {
      rows_before = tick.counts.rows;
      seconds_before = tick.elapsed.count();
    }
    rows = static_cast<double>(tick.counts.rows - rows_before);
    seconds = tick.elapsed.count() - seconds_before;
  };
  const TrainResult result = run_train_job(job, {.note = [](std::string_view) {}, .window = on_window}, stop);
  const bool one_window = rows == 0;
  return {.rows = result.counts.rows,
          .rows_per_s =
              one_window ? static_cast<double>(result.counts.rows) / result.elapsed.count() : rows / seconds,
          .engine = result.engine};
}

}  // namespace

BenchReport bench_end_to_end(const EndToEndBench& bench, const std::function<void(const std::string&)>& note,
                             const std::stop_token& stop) {
  const ClientSettings& client = bench.job.source.client;
  const std::string& topic = bench.job.source.topics.front();
  const OwnTopic own(client, topic, bench.partitions);
  note(fmt::format("Sending {} rows to topic {}.", bench.rows, topic));
  fill_topic(client, topic, bench.rows, bench.job.shape.features());
  return measure_end_to_end(bench, note, stop);
}

BenchReport measure_end_to_end(const EndToEndBench& bench,
                               const std::function<void(const std::string&)>& note,
                               const std::stop_token& stop) {
  TrainJob job = bench.job;
  job.stop = {.when = StopRule::When::end};
  const auto alone = engines_alone(job);
  std::vector<double> rates;
  std::vector<double> bounds;
  std::vector<double> shares;
  Trained trained;
  for (unsigned round = 0; round < bench.rounds && !stop.stop_requested(); ++round) {
    job.state = bench.scratch / fmt::format("state-{}", round);
    const Trained attempt = train_once(job, stop);
    if (stop.stop_requested()) break;
    trained = attempt;
    double bound = 0;
    for (const auto& engine : alone) bound = std::max(bound, engine->rows_per_s());
    rates.push_back(trained.rows_per_s);
    bounds.push_back(bound);
    shares.push_back(trained.rows_per_s / bound);
    note(fmt::format("Round {} of {}: {:.0f} rows/s from the topic, {:.0f} rows/s by steps alone.", round + 1,
                     bench.rounds, trained.rows_per_s, bound));
  }

  const TrainingSettings& training = job.training;
  BenchReport report{
      .stage = "end-to-end",
      .subject = fmt::format("{} rows of topic {}, {} epochs, batch {}; {}", trained.rows,
                             job.source.topics.front(), training.epochs, training.batch, trained.engine)};
  report.table = {{"", "rows/s", "share of the steps alone"},
                  {"topic to weights", fmt::format("{:.0f}", median(rates)),
                   fmt::format("{:.1f} %", 100 * median(shares))},
                  {"steps alone", fmt::format("{:.0f}", median(bounds)), ""}};
  report.figures = {{"engine", trained.engine},
                    {"rows", trained.rows},
                    {"epochs", training.epochs},
                    {"batch", training.batch},
                    {"window_rows", job.window_rows},
                    {"math", name_of(training.math)},
                    {"rounds", bench.rounds},
                    {"rows_per_s", finite_or_null(median(rates))},
                    {"bound_rows_per_s", finite_or_null(median(bounds))},
                    {"share", finite_or_null(median(shares))}};
  report.notes = {fmt::format(
      "The rate is that from the first window to the last. The bound is training alone, of rows that "
      "are in memory: no ingest,\nno scoring, on one thread or on all, whichever is faster, in the "
      "same rounds; medians of {}.",
      rates.size())};
  return report;
}

}  // namespace millrace
