#include "bench/gpu/step_measure.h"

#include <algorithm>
#include <cstddef>
#include <cuda_runtime_api.h>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/cuda_engine.h"

#include "cuda/check.h"
#include "cuda/engine/cuda_engine.h"
#include "cuda/gemm/cublaslt_products.h"
#include "cuda/gemm/cudnn_products.h"
#include "cuda/graph.h"

namespace millrace::bench {
namespace {

// Enough that each copy but the first has a window to hide behind, and one not.
constexpr std::uint32_t kOverlapWindows = 10;

TrainingSettings settings_of(const StepCase& one, const Measuring& measuring) {
  TrainingSettings settings;
  settings.batch = one.batch;
  settings.epochs = measuring.epochs;
  settings.math = one.math;
  return settings;
}

// Rows as the demo's are: whole numbers from 1 to 10.
class Rows {
 public:
  Rows(Engine& engine, std::uint32_t rows, std::uint32_t features)
      : memory_(engine.allocate_host((std::size_t{rows} * features + rows) * sizeof(float) +
                                     rows * sizeof(std::uint32_t))) {
    const std::span values(reinterpret_cast<float*>(memory_.get()), std::size_t{rows} * features);
    const std::span labels(values.data() + values.size(), rows);
    const std::span index(reinterpret_cast<std::uint32_t*>(labels.data() + rows), rows);
    std::uint32_t state = 1;
    const auto random = [&state](std::uint32_t below) {
      state = state * 1664525U + 1013904223U;
      return static_cast<float>((state >> 16U) % below);
    };
    std::ranges::generate(values, [&] { return random(10) + 1.0F; });
    std::ranges::generate(labels, [&] { return random(2); });
    std::iota(index.begin(), index.end(), 0U);
    view_ = {.index = 0,
             .rows = rows,
             .slot_rows = rows,
             .features = features,
             .values = values.data(),
             .labels = labels.data(),
             .row_index = index.data()};
  }

  [[nodiscard]] WindowView window(std::uint64_t number) const {
    WindowView view = view_;
    view.index = number;
    return view;
  }

 private:
  HostBuffer memory_;
  WindowView view_;
};

// What became of a window, and the milliseconds that the device computed for it.
struct Ran {
  WindowOutcome outcome;
  double ms;
};

Ran run(cuda::CudaEngine& engine, const WindowView& window, bool train) {
  engine.stage(window);
  engine.score();
  if (train) engine.train();
  const WindowOutcome outcome = engine.wait();
  const cuda::WindowTimes& times = engine.timeline().back();
  return {outcome, times.compute_end - times.compute_begin};
}

StepWork count(const cuda::Graph& graph) {
  std::size_t nodes = 0;
  MILLRACE_CUDA_CHECK(cudaGraphGetNodes(graph.view(), nullptr, &nodes));
  std::vector<cudaGraphNode_t> handles(nodes);
  MILLRACE_CUDA_CHECK(cudaGraphGetNodes(graph.view(), handles.data(), &nodes));
  StepWork work;
  for (cudaGraphNode_t node : handles) {
    cudaGraphNodeType type{};
    MILLRACE_CUDA_CHECK(cudaGraphNodeGetType(node, &type));
    ++(type == cudaGraphNodeTypeKernel   ? work.kernels
       : type == cudaGraphNodeTypeMemcpy ? work.copies
       : type == cudaGraphNodeTypeMemset ? work.fills
                                         : work.others);
  }
  return work;
}

// As --tune has them: cuDNN besides, where it is there and the mathematics are its own.
cuda::ProductLibraries libraries_for(const StepCase& one, const cuda::CublasLt& cublas, cudaStream_t stream) {
  cuda::ProductLibraries libraries;
  libraries.push_back(cuda::make_cublaslt_products(cublas, {}, stream));
  if (one.tune && one.math != MathMode::fp32 && !cuda::cudnn_library().version.empty()) {
    libraries.push_back(cuda::make_cudnn_products());
  }
  return libraries;
}

double hidden_share(const TrainingSettings& settings, const Measuring& measuring, bool tune) {
  const OverlapReport report =
      measure_overlap(measuring.shape, settings, measuring.window_rows(settings.batch), kOverlapWindows,
                      {.device = measuring.device, .tune = tune});
  return report.copy_ms > 0 ? report.hidden_copy_ms / report.copy_ms : 0.0;
}

}  // namespace

std::uint32_t Measuring::window_rows(std::uint32_t batch) const {
  return batch * std::clamp(least_rows / batch, 8U, 256U);
}

double flop_per_row(const NetworkShape& shape) {
  double flop = 0;
  for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
    flop += (layer == 0 ? 4.0 : 6.0) * shape.widths[layer] * shape.widths[layer + 1];
  }
  return flop;
}

StepCost measure_step(const StepCase& one, const Measuring& measuring, const cuda::CublasLt& cublas) {
  const TrainingSettings settings = settings_of(one, measuring);
  const std::uint32_t rows = measuring.window_rows(one.batch);
  const auto products = [&](cudaStream_t stream) { return libraries_for(one, cublas, stream); };
  const auto engine = cuda::make_engine(measuring.shape, settings, rows,
                                        {.device = measuring.device,
                                         .device_name = "device",
                                         .products = products,
                                         .tune = one.tune,
                                         .graphs = one.graphs,
                                         .timeline = true});
  const Rows data(*engine, rows, measuring.shape.features());

  StepCost cost;
  cost.steps = rows / one.batch * measuring.epochs;
  std::vector<double> step_us;
  std::uint64_t number = 0;
  for (std::uint32_t i = 0; i <= measuring.windows; ++i) {
    const Ran scored = run(*engine, data.window(number++), false);
    const Ran trained = run(*engine, data.window(number++), true);
    if (trained.outcome.steps != cost.steps) {
      throw std::runtime_error(std::to_string(trained.outcome.skipped_steps) + " of " +
                               std::to_string(cost.steps) + " steps were skipped as not finite");
    }
    if (i > 0) step_us.push_back((trained.ms - scored.ms) * 1000.0 / cost.steps);
  }
  std::ranges::sort(step_us);
  cost.median_us = step_us[step_us.size() / 2];
  cost.best_us = step_us.front();
  cost.work = count(engine->step_graph());
  if (one.graphs) cost.hidden_copies = hidden_share(settings, measuring, one.tune);
  return cost;
}

}  // namespace millrace::bench
