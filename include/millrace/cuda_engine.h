// The engine on an NVIDIA GPU, and what this machine has for it. The only door to cuda/: a build without CUDA
// links an implementation of this header that says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/engine.h"
#include "millrace/model.h"

namespace millrace {

struct CudaSettings {
  int device = 0;     // CUDA's number of the GPU
  bool tune = false;  // time the candidates for each matrix product, instead of taking the library's advice
  // What an earlier engine of the same state chose (Engine::choices). Taken up where it can still be used.
  std::string choices;
  std::function<void(const std::string&)> note = [](const std::string&) {};  // a sentence for people
};

// A fresh engine holds initial_model_state(shape, settings.seed). It takes windows of up to `max_window_rows`
// rows, in slots of as many. Errors: DeviceError, also where this build or this machine cannot run it.
[[nodiscard]] std::unique_ptr<Engine> make_cuda_engine(const NetworkShape& shape,
                                                       const TrainingSettings& settings,
                                                       std::uint32_t max_window_rows,
                                                       const CudaSettings& cuda);

// One GPU.
struct CudaDevice {
  int number = 0;
  std::string name;
  int compute_capability = 0;  // major · 10 + minor
  std::size_t memory_bytes = 0;
  std::string unusable;  // why the engine cannot run on it; empty: it can
};

// A library that is opened while running.
struct CudaLibrary {
  std::string name;     // "cuBLASLt"
  std::string version;  // empty: not found
  std::string place;    // the file, or what was looked for and why it failed
};

struct CudaReport {
  bool built = false;         // with the CUDA engine
  std::string toolkit;        // that it was built with: "13.0"
  std::string driver;         // the newest CUDA that the driver knows: "13.0"; empty: no driver
  std::string architectures;  // of the kernels: "80 86 89 90a 100 120, PTX 80"
  std::vector<CudaDevice> devices;
  std::vector<CudaLibrary> libraries;
  // Why no CUDA engine can be made, with the remedy; empty: one can.
  std::string unusable;
};

// What is there. Asks the driver, opens the libraries, keeps nothing. Never throws for what is absent.
[[nodiscard]] CudaReport cuda_report();

// How far copies hide behind computing: `windows` windows of `window_rows` rows go through an engine that
// notes when each copy and each window's computing began and ended on the device.
struct OverlapReport {
  struct Span {
    double begin_ms = 0;  // since the first copy began
    double end_ms = 0;
  };
  struct Window {
    Span copy;
    Span compute;
  };
  std::string engine;  // its description
  std::vector<Window> windows;
  double copy_ms = 0;         // all copies but the first, which has nothing to hide behind
  double hidden_copy_ms = 0;  // of these, while a window was being computed
};
[[nodiscard]] OverlapReport measure_overlap(const NetworkShape& shape, const TrainingSettings& settings,
                                            std::uint32_t window_rows, std::uint32_t windows,
                                            const CudaSettings& cuda);

}  // namespace millrace
