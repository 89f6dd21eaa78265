// A run of a small network on the emulated device, as the tests of schedules, faults and counters want it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cuda/engine/cuda_engine.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace::test {

[[nodiscard]] emulated::Settings emulated_settings(std::uint64_t seed);

inline const NetworkShape kSmallShape{{8, 16, 8, 1}};
[[nodiscard]] TrainingSettings small_settings(MathMode math = MathMode::fp32);  // batches of 16

struct SmallEngine {
  bool graphs = true;
  std::string earlier_choices{};
  std::function<void(const std::string&)> note = [](const std::string&) {};
};
// Of that, with products by cuBLASLt; windows in slots of up to 64 rows.
[[nodiscard]] std::unique_ptr<cuda::CudaEngine> small_engine(const SmallEngine& settings = {});

// Trains windows of 40 rows with two in flight, and gives the state after them.
ModelState train_windows(Engine& engine, std::uint64_t windows);

}  // namespace millrace::test
