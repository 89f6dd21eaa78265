// Which engine trains.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/cuda_engine.h"
#include "millrace/engine.h"
#include "millrace/model.h"

namespace millrace {

struct EngineRequest {
  std::string choice = "auto";  // auto, cuda, cpu
  NetworkShape shape;
  TrainingSettings training;
  std::uint32_t max_window_rows = 1;
  int threads = 1;    // of the CPU engine alone
  CudaSettings cuda;  // of the CUDA engine alone, but for `note`, which also hears why auto took the CPU
};

// What `auto` means.
struct AutoChoice {
  bool cuda;
  std::string reason;  // a clause: the GPU's name, or why there is none to use
};

// On the machine that `report` tells of, for the GPU of that number.
[[nodiscard]] AutoChoice choose_engine(const CudaReport& report, int device);

// auto takes the GPU if there is one to use, and says why not in builds with the CUDA engine.
// Errors: DeviceError if cuda was asked for and cannot be used; OptionError for mathematics that the CPU
// engine does not have, where it would be the one.
[[nodiscard]] std::unique_ptr<Engine> make_engine(const EngineRequest& request);

// "fp32", "tf32", "bf16", as --math says it.
[[nodiscard]] std::string_view name_of(MathMode math);

}  // namespace millrace
