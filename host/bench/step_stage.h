// One step of the CPU engine (gather, forward, loss, backward, Adam) beside the peak of the machine's matrix
// product on the same threads.
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/engine.h"
#include "millrace/model.h"

#include "bench/bench_report.h"
#include "bench/product_peak.h"

namespace millrace {

struct StepBench {
  NetworkShape shape;
  TrainingSettings training;  // `batch` is each of `batches` in turn
  std::vector<std::uint32_t> batches;
  std::vector<int> threads;
  unsigned rounds = 1;
  int peak_width = ProductPeak::kWidth;
};

// Errors: OptionError for mathematics that the CPU engine does not have.
[[nodiscard]] BenchReport bench_step(const StepBench& bench);

// One pass over a window, by an engine that has nothing in flight: its steps alone, without scoring where the
// engine works on the calling thread.
[[nodiscard]] double seconds_to_train(Engine& engine, const WindowView& window);

}  // namespace millrace
