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

std::unique_ptr<cuda::CudaEngine> small_engine(bool graphs, const std::string& earlier_choices,
                                               const std::function<void(const std::string&)>& note) {
  TrainingSettings settings;
  settings.batch = 16;
  settings.epochs = 1;
  settings.standardize = true;
  const auto products = [](cudaStream_t stream) {
    return cuda::make_cublaslt_products(emulated::emulated_cublaslt(), {.workspace_bytes = 1 << 16}, stream);
  };
  return cuda::make_engine({{8, 16, 8, 1}}, settings, 64,
                           {.device_name = "emulated device",
                            .products = products,
                            .earlier_choices = earlier_choices,
                            .note = note,
                            .graphs = graphs});
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
