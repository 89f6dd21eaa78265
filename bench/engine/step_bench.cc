// One training step of the CPU engine (gather, forward, loss, backward, Adam) on the 9-128-256-128-1 network,
// as a share of what oneDNN's matrix product reaches on the same threads in the same run.
//
// best_us and what derives from it come from the fastest window: a neighbour on the machine slows down the
// mean.
#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdint>
#include <dnnl.hpp>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "engine/cpu_engine.h"
#include "engine/engine_threads.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// FLOP of a row: two for each weight forward, two for its gradient, and two for the gradient by its input,
// which the first layer does not need.
double step_flop(const NetworkShape& shape, std::uint32_t rows) {
  double flop = 0;
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    flop += (layer == 0 ? 4.0 : 6.0) * shape.widths[layer] * shape.widths[layer + 1];
  }
  return flop * rows;
}

double measure_peak(int threads) {
  const EngineThreads scope(threads);
  constexpr dnnl::memory::dim kWidth = 2048;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const auto kFloat = dnnl::memory::data_type::f32;
  const dnnl::memory::desc plain({kWidth, kWidth}, kFloat, dnnl::memory::format_tag::ab);
  const dnnl::memory::desc any({kWidth, kWidth}, kFloat, dnnl::memory::format_tag::any);
  const dnnl::matmul::primitive_desc description({plain, any, plain}, engine);
  const dnnl::memory a(plain, engine);
  const dnnl::memory b(description.weights_desc(), engine);
  const dnnl::memory c(plain, engine);
  for (const dnnl::memory& memory : {a, b}) {
    std::fill_n(static_cast<float*>(memory.get_data_handle()), kWidth * kWidth, 0.5F);
  }
  const dnnl::matmul product(description);
  double best = 0;
  for (int i = 0; i < 8; ++i) {
    const auto begin = Clock::now();
    product.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
    best = std::max(best, 2.0 * kWidth * kWidth * kWidth / seconds_since(begin));
  }
  return best;
}

double peak_flop_per_s(int threads) {
  static std::map<int, double> measured;
  const auto [entry, is_new] = measured.try_emplace(threads);
  if (is_new) entry->second = measure_peak(threads);
  return entry->second;
}

struct Rows {
  std::vector<float> values;
  std::vector<float> labels;
  std::vector<std::uint32_t> index;

  Rows(std::uint32_t count, std::uint32_t features)
      : values(std::size_t{count} * features), labels(count), index(count) {
    std::minstd_rand random(1);
    for (float& value : values) value = static_cast<float>(random() % 10 + 1);
    for (float& label : labels) label = static_cast<float>(random() % 2);
    std::iota(index.begin(), index.end(), 0U);
  }
};

void train_step(benchmark::State& state) {
  const auto batch = static_cast<std::uint32_t>(state.range(0));
  const auto threads = static_cast<int>(state.range(1));
  const NetworkShape shape = {{9, 128, 256, 128, 1}};
  TrainingSettings settings;
  settings.batch = batch;
  settings.epochs = 1;
  const std::uint32_t rows = std::max(batch * 4, 4096U);
  const std::unique_ptr<Engine> engine = make_cpu_engine(shape, settings, rows, threads);
  const Rows data(rows, shape.features());

  const double steps = rows / batch;
  double best = 1e9;
  for (auto _ : state) {
    engine->stage(
        {0, rows, rows, shape.features(), data.values.data(), data.labels.data(), data.index.data()});
    engine->score();
    const auto begin = Clock::now();
    engine->train();
    const double seconds = seconds_since(begin);
    engine->wait();
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
