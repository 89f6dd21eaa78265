// What a training step of the CUDA engine costs, by the device's own clock.
//
// A window of many batches is first only scored, then scored and trained. The difference is the training: per
// epoch the shuffle, per step gather, products, loss, guard and Adam. It takes in what the host could not
// enqueue in time, which is what graphs are for. Errors: DeviceError; std::runtime_error where steps were
// skipped, because then other work was done than was asked for.
#pragma once

#include <cstdint>
#include <optional>

#include "millrace/engine.h"
#include "millrace/model.h"

#include "cuda/library/cublaslt.h"

namespace millrace::bench {

struct StepCase {
  std::uint32_t batch = 32;
  MathMode math = MathMode::fp32;
  bool graphs = true;
  bool tune = false;  // time the products' algorithms first, instead of taking the library's advice
};

struct Measuring {
  NetworkShape shape{{9, 128, 256, 128, 1}};
  int device = 0;
  std::uint32_t epochs = 4;
  std::uint32_t windows = 9;  // counted; one more warms up
  // Rows of a window, at least eight batches and at most 256: the shuffle, once per epoch, hardly counts.
  std::uint32_t least_rows = 65'536;

  [[nodiscard]] std::uint32_t window_rows(std::uint32_t batch) const;
};

// What the device is handed for one step: the nodes of the step's captured graph. The kernels that a library
// launches for one product are nodes of their own, as are its fills and copies.
struct StepWork {
  std::uint32_t kernels = 0;
  std::uint32_t copies = 0;
  std::uint32_t fills = 0;
  std::uint32_t others = 0;

  bool operator==(const StepWork&) const = default;
};

struct StepCost {
  std::uint32_t steps = 0;  // of one window, all epochs
  double median_us = 0;     // of a step, over windows
  double best_us = 0;
  StepWork work;
  std::optional<double> hidden_copies;  // share of the copies' time, with graphs
};

[[nodiscard]] StepCost measure_step(const StepCase& one, const Measuring& measuring,
                                    const cuda::CublasLt& cublas);

// Floating-point operations for a row: two for each weight forward, two for its gradient, and two for the
// gradient by its input, which the first layer does not need.
[[nodiscard]] double flop_per_row(const NetworkShape& shape);

}  // namespace millrace::bench
