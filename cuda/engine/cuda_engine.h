// The engine on a CUDA device. One stream copies windows in, one computes; events between them. Two windows
// may be in flight: the second is copied while the first is computed. Every batch is one graph launch.
//
// Invariants, besides those of Engine: (1) memory, streams, plans and graphs are made in the constructor; a
// step or a window makes none; (2) the host waits in `wait`, `snapshot` and `restore`, nowhere else; (3) a
// slot is overwritten after the window that it held was computed, by an event on the copy stream.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/engine.h"
#include "millrace/model.h"

#include "cuda/gemm/dense_products.h"
#include "cuda/graph.h"

namespace millrace::cuda {

struct CudaEngineSettings {
  int device = 0;
  std::string device_name;                                 // for `description`
  std::function<ProductLibraries(cudaStream_t)> products;  // in the order of preference
  bool tune = false;                                       // time their candidates
  std::string earlier_choices;                             // what Engine::choices of an earlier engine said
  std::function<void(const std::string&)> note = [](const std::string&) {};  // a sentence for people
  bool graphs = true;     // false: every launch by itself, to measure what graphs are worth
  bool timeline = false;  // note when copies and computing began and ended
};

// When a window was copied and computed, in milliseconds since the engine's first copy began.
struct WindowTimes {
  double copy_begin;
  double copy_end;
  double compute_begin;
  double compute_end;
};

class CudaEngine : public Engine {
 public:
  // With `timeline`: of the windows waited for.
  [[nodiscard]] virtual const std::vector<WindowTimes>& timeline() const = 0;

  // A training step of a full batch, as it was captured: what the device is handed for it.
  [[nodiscard]] virtual const Graph& step_graph() const = 0;
};

// A fresh engine holds initial_model_state(shape, settings.seed). Errors: DeviceError.
[[nodiscard]] std::unique_ptr<CudaEngine> make_engine(const NetworkShape& shape,
                                                      const TrainingSettings& settings,
                                                      std::uint32_t max_window_rows,
                                                      const CudaEngineSettings& cuda);

}  // namespace millrace::cuda
