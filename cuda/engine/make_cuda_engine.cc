// The door's engine: checks the device, opens the library, takes up what an earlier engine chose.

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "millrace/cuda_engine.h"
#include "millrace/errors.h"

#include "cuda/check.h"
#include "cuda/door/driver.h"
#include "cuda/engine/cuda_engine.h"
#include "cuda/engine/engine_choices.h"
#include "cuda/gemm/cublaslt_products.h"
#include "cuda/gemm/cudnn_products.h"
#include "cuda/library/open_cublaslt.h"

namespace millrace {
namespace {

// The name and the architecture, which algorithms are made for.
std::string checked_device(int device) {
  int driver = 0;
  int runtime = 0;
  int devices = 0;
  static_cast<void>(cudaDriverGetVersion(&driver));
  static_cast<void>(cudaRuntimeGetVersion(&runtime));
  const cudaError_t count = cudaGetDeviceCount(&devices);
  if (count != cudaSuccess) static_cast<void>(cudaGetLastError());
  if (const std::string trouble = cuda::driver_trouble(driver, runtime, count, devices); !trouble.empty()) {
    throw DeviceError(trouble);
  }
  if (device >= devices) {
    throw DeviceError(
        fmt::format("there is no GPU {} here, the last one is {} (--device)", device, devices - 1));
  }
  cudaDeviceProp properties{};
  MILLRACE_CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
  if (const std::string trouble = cuda::capability_trouble(properties.major * 10 + properties.minor);
      !trouble.empty()) {
    throw DeviceError(fmt::format("GPU {} ({}) cannot be used: {}", device, properties.name, trouble));
  }
  return fmt::format("{} sm_{}{}", properties.name, properties.major, properties.minor);
}

// To be timed against cuBLASLt, which it cannot be in float32; or because the state's products go through it.
bool wants_cudnn(const TrainingSettings& settings, const CudaSettings& cuda) {
  if (cuda.tune && settings.math != MathMode::fp32) return true;
  const auto earlier = cuda::engine_choices_from(cuda.choices);
  return earlier && earlier->products.libraries.contains("cudnn");
}

// A machine without cuDNN does without; what a state loses by that, the engine says.
void add_cudnn(cuda::ProductLibraries& libraries, const std::function<void(const std::string&)>& note) {
  if (cuda::cudnn_library().version.empty()) return;
  try {
    libraries.push_back(cuda::make_cudnn_products());
  } catch (const DeviceError& error) {
    note(fmt::format("Matrix products do without cuDNN: {}.", error.detail));
  }
}

std::unique_ptr<cuda::CudaEngine> make(const NetworkShape& shape, const TrainingSettings& settings,
                                       std::uint32_t max_window_rows, const CudaSettings& cuda,
                                       bool timeline) {
  cuda::CudaEngineSettings engine = {.device = cuda.device,
                                     .device_name = checked_device(cuda.device),
                                     .products = {},
                                     .tune = cuda.tune,
                                     .earlier_choices = cuda.choices,
                                     .note = cuda.note,
                                     .timeline = timeline};
  const cuda::CublasLtOpening& opening = cuda::open_cublaslt();
  if (opening.table == nullptr) {
    throw DeviceError(
        "cuBLASLt cannot be opened (`pip install nvidia-cublas` or a CUDA toolkit brings it): " +
        opening.library.place);
  }
  engine.products = [table = opening.table, with_cudnn = wants_cudnn(settings, cuda),
                     note = cuda.note](cudaStream_t stream) {
    cuda::ProductLibraries libraries;
    libraries.push_back(cuda::make_cublaslt_products(*table, {}, stream));
    if (with_cudnn) add_cudnn(libraries, note);
    return libraries;
  };
  return cuda::make_engine(shape, settings, max_window_rows, engine);
}

// Rows that mean nothing: what they are does not change what a step costs.
struct MadeUpWindow {
  HostBuffer memory;
  WindowView view;

  MadeUpWindow(Engine& engine, std::uint32_t rows, std::uint32_t features) {
    const std::size_t values = std::size_t{rows} * features;
    memory = engine.allocate_host((values + rows) * sizeof(float) + rows * sizeof(std::uint32_t));
    auto* floats = reinterpret_cast<float*>(memory.get());
    auto* index = reinterpret_cast<std::uint32_t*>(floats + values + rows);
    for (std::size_t i = 0; i < values; ++i) floats[i] = static_cast<float>(i % 101) * 0.01F;
    for (std::uint32_t i = 0; i < rows; ++i) {
      floats[values + i] = static_cast<float>(i % 2);
      index[i] = i;
    }
    view = {.index = 0,
            .rows = rows,
            .slot_rows = rows,
            .features = features,
            .values = floats,
            .labels = floats + values,
            .row_index = index};
  }
};

}  // namespace

std::unique_ptr<Engine> make_cuda_engine(const NetworkShape& shape, const TrainingSettings& settings,
                                         std::uint32_t max_window_rows, const CudaSettings& cuda) {
  return make(shape, settings, max_window_rows, cuda, false);
}

OverlapReport measure_overlap(const NetworkShape& shape, const TrainingSettings& settings,
                              std::uint32_t window_rows, std::uint32_t windows, const CudaSettings& cuda) {
  const auto engine = make(shape, settings, window_rows, cuda, true);
  std::vector<MadeUpWindow> slots;
  for (std::size_t i = 0; i <= engine->windows_in_flight(); ++i) {
    slots.emplace_back(*engine, window_rows, shape.features());
  }
  std::uint32_t waited = 0;
  for (std::uint32_t window = 0; window < windows; ++window) {
    if (window - waited == engine->windows_in_flight()) {
      engine->wait();
      ++waited;
    }
    WindowView view = slots[window % slots.size()].view;
    view.index = window;
    engine->stage(view);
    engine->score();
    engine->train();
  }
  for (; waited < windows; ++waited) engine->wait();

  OverlapReport report;
  report.engine = engine->description();
  for (const cuda::WindowTimes& times : engine->timeline()) {
    report.windows.push_back({{times.copy_begin, times.copy_end}, {times.compute_begin, times.compute_end}});
  }
  for (std::size_t i = 1; i < report.windows.size(); ++i) {
    const OverlapReport::Span& copy = report.windows[i].copy;
    report.copy_ms += copy.end_ms - copy.begin_ms;
    for (const OverlapReport::Window& other : report.windows) {
      report.hidden_copy_ms += std::max(
          0.0, std::min(copy.end_ms, other.compute.end_ms) - std::max(copy.begin_ms, other.compute.begin_ms));
    }
  }
  return report;
}

}  // namespace millrace
