#include "bench/step_stage.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <vector>

#include "millrace/engine_choice.h"

#include "bench/rounds.h"
#include "bench/sample_rows.h"

namespace millrace {
namespace {

// So many that the clock and the beginning of a window count for nothing.
constexpr std::uint32_t kLeastRows = 4096;
constexpr std::uint32_t kLeastSteps = 4;

// The fastest window: a neighbour on the machine slows down the others, and the peak is the fastest product.
double fastest_step(const StepBench& bench, std::uint32_t batch, int threads, ProductPeak& peak) {
  EngineRequest request{
      .choice = "cpu", .shape = bench.shape, .training = bench.training, .threads = threads};
  request.training.batch = batch;
  request.training.epochs = 1;
  request.max_window_rows = std::max(kLeastSteps * batch, kLeastRows / batch * batch);
  const std::unique_ptr<Engine> engine = make_engine(request);
  const SampleWindow window(*engine, request.max_window_rows, bench.shape.features());
  const double steps = request.max_window_rows / batch;
  double best = seconds_to_train(*engine, window.view()) / steps;
  for (unsigned round = 0; round < bench.rounds; ++round) {
    static_cast<void>(peak.flop_per_s());
    // OpenMP's threads spin on for some milliseconds after a product, where those of the engine want to be.
    static_cast<void>(seconds_to_train(*engine, window.view()));
    best = std::min(best, seconds_to_train(*engine, window.view()) / steps);
  }
  return best;
}

}  // namespace

double seconds_to_train(Engine& engine, const WindowView& window) {
  engine.stage(window);
  engine.score();
  return seconds_of([&] {
    engine.train();
    engine.wait();
  });
}

BenchReport bench_step(const StepBench& bench) {
  struct Measured {
    std::uint32_t batch;
    int threads;
    double seconds;
  };
  BenchReport report{
      .stage = "step",
      .subject = fmt::format("forward, backward and Adam of {}, {}", fmt::join(bench.shape.widths, "-"),
                             name_of(bench.training.math))};
  report.table = {{"", "us/step", "rows/s", "GFLOP/s", "peak GFLOP/s", "share of peak"}};
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const int threads : bench.threads) {
    ProductPeak peak(threads, bench.training.math, bench.peak_width);
    std::vector<Measured> measured;
    for (const std::uint32_t batch : bench.batches) {
      measured.push_back({batch, threads, fastest_step(bench, batch, threads, peak)});
    }
    const double bound = peak.flop_per_s();  // of all rounds: one peak for all batches
    for (const Measured& step : measured) {
      const double reached = step_flop(bench.shape, step.batch) / step.seconds;
      report.table.push_back(
          {fmt::format("batch {}, {} thread{}", step.batch, threads, threads == 1 ? "" : "s"),
           fmt::format("{:.1f}", step.seconds * 1e6), fmt::format("{:.0f}", step.batch / step.seconds),
           fmt::format("{:.1f}", reached / 1e9), fmt::format("{:.1f}", bound / 1e9),
           fmt::format("{:.1f} %", 100 * reached / bound)});
      results.push_back({{"batch", step.batch},
                         {"threads", threads},
                         {"step_us", step.seconds * 1e6},
                         {"rows_per_s", step.batch / step.seconds},
                         {"flop_per_s", reached},
                         {"bound_flop_per_s", bound},
                         {"share", reached / bound}});
    }
  }
  report.figures = {{"widths", bench.shape.widths},
                    {"math", name_of(bench.training.math)},
                    {"rounds", bench.rounds},
                    {"results", std::move(results)}};
  report.notes = {
      fmt::format("The peak is that of oneDNN's product of two {0} x {0} matrices on as many threads, in "
                  "the same rounds.\nOf steps and of products the fastest counts.",
                  bench.peak_width)};
  return report;
}

}  // namespace millrace
