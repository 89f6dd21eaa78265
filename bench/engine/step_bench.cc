// One training step of the CPU engine (gather, forward, loss, backward, Adam) on the 9-128-256-128-1 network,
// as a share of what oneDNN's matrix product reaches on the same threads in the same run.
//
// best_us and what derives from it come from the fastest window: a neighbour on the machine slows down the
// mean.
#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdint>
#include <map>
#include <memory>

#include "bench/product_peak.h"
#include "bench/sample_rows.h"
#include "bench/step_stage.h"
#include "engine/cpu_engine.h"

namespace millrace {
namespace {

double peak_flop_per_s(int threads) {
  static std::map<int, double> measured;
  const auto [entry, is_new] = measured.try_emplace(threads);
  if (is_new) {
    ProductPeak peak(threads);
    for (int i = 0; i < 8; ++i) entry->second = peak.flop_per_s();
  }
  return entry->second;
}

void train_step(benchmark::State& state) {
  const auto batch = static_cast<std::uint32_t>(state.range(0));
  const auto threads = static_cast<int>(state.range(1));
  const NetworkShape shape = {{9, 128, 256, 128, 1}};
  TrainingSettings settings;
  settings.batch = batch;
  settings.epochs = 1;
  const std::uint32_t rows = std::max(batch * 4, 4096U);
  const std::unique_ptr<Engine> engine = make_cpu_engine(shape, settings, rows, threads);
  const SampleWindow window(*engine, rows, shape.features());

  const double steps = rows / batch;
  double best = 1e9;
  for (auto _ : state) {
    const double seconds = seconds_to_train(*engine, window.view());
    state.SetIterationTime(seconds);
    best = std::min(best, seconds / steps);
  }
  const double flop_per_s = step_flop(shape, batch) / best;
  state.counters["best_us"] = best * 1e6;
  state.counters["GFLOP/s"] = flop_per_s / 1e9;
  state.counters["peak_GFLOP/s"] = peak_flop_per_s(threads) / 1e9;
  state.counters["share_of_peak"] = flop_per_s / peak_flop_per_s(threads);
  state.counters["steps"] = benchmark::Counter(steps, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(train_step)
    ->ArgsProduct({{32, 256, 1024, 8192}, {1, 2}})
    ->ArgNames({"batch", "threads"})
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime();

void construct_engine(benchmark::State& state) {
  TrainingSettings settings;
  settings.batch = static_cast<std::uint32_t>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(make_cpu_engine({{9, 128, 256, 128, 1}}, settings, 4096, 1));
}
BENCHMARK(construct_engine)->Arg(32)->ArgName("batch")->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace millrace
