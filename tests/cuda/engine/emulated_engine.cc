#include "cuda/engine/emulated_engine.h"

#include <vector>

#include "cuda/engine/test_device.h"
#include "cuda/gemm/cublaslt_products.h"
#include "support/emulated_device/cublaslt.h"
#include "support/sample_window.h"

namespace millrace::test {

emulated::Settings emulated_settings(std::uint64_t seed) {
  return {.seed = seed, .check_accesses = MILLRACE_CHECK_ACCESSES};
}

TrainingSettings small_settings(MathMode math) {
  TrainingSettings settings;
  settings.batch = 16;
  settings.epochs = 1;
  settings.standardize = true;
  settings.math = math;
  return settings;
}

std::unique_ptr<cuda::CudaEngine> small_engine(const SmallEngine& settings) {
  const auto products = [](cudaStream_t stream) {
    cuda::ProductLibraries libraries;
    libraries.push_back(
        cuda::make_cublaslt_products(emulated::emulated_cublaslt(), {.workspace_bytes = 1 << 16}, stream));
    return libraries;
  };
  return cuda::make_engine(kSmallShape, small_settings(), 64,
                           {.device_name = "emulated device",
                            .products = products,
                            .earlier_choices = settings.earlier_choices,
                            .note = settings.note,
                            .graphs = settings.graphs});
}

ModelState train_windows(Engine& engine, std::uint64_t windows) {
  std::vector<StagedWindow> slots;  // one more than may be in flight: an outcome is read while others run
  std::uint64_t waited = 0;
  for (std::uint64_t index = 0; index < windows; ++index) {
    if (index - waited == engine.windows_in_flight()) {
      engine.wait();
      ++waited;
    }
    const SampleWindow window(index, 40, 8, 0.05);
    if (slots.size() <= engine.windows_in_flight()) {
      slots.emplace_back(engine, window.view());
    } else {
      slots[index % slots.size()].refill(window.view());
    }
    engine.stage(slots[index % slots.size()].view());
    engine.score();
    engine.train();
  }
  for (; waited < windows; ++waited) engine.wait();
  return engine.snapshot();
}

}  // namespace millrace::test
