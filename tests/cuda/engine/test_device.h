// What a test of the engine needs of its device (cuda/test_device.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "millrace/engine.h"
#include "millrace/window.h"

#include "cuda/engine/cuda_engine.h"
#include "cuda/test_device.h"

namespace millrace::test {

// cuBLASLt as this device has it.
[[nodiscard]] cuda::ProductLibraries device_products(cudaStream_t stream);

// An engine on it.
[[nodiscard]] std::unique_ptr<cuda::CudaEngine> device_engine(const NetworkShape& shape,
                                                              const TrainingSettings& settings,
                                                              std::uint32_t max_window_rows);

// A window's rows in memory that the engine can stage from.
class StagedWindow {
 public:
  StagedWindow(Engine& engine, const WindowView& window);
  [[nodiscard]] const WindowView& view() const { return view_; }

  // Puts another window into the same memory; it has as many rows.
  void refill(const WindowView& window);

 private:
  HostBuffer memory_;
  WindowView view_;
};

// Stages a copy of the window, scores and trains it, and waits.
WindowOutcome run_window(Engine& engine, const WindowView& window);

}  // namespace millrace::test
