// The door in a build without CUDA.
#include "millrace/cuda_engine.h"
#include "millrace/errors.h"

namespace millrace {
namespace {

constexpr const char* kAbsent = "this build has no CUDA engine (the preset cuda builds one)";

}  // namespace

std::unique_ptr<Engine> make_cuda_engine(const NetworkShape& /*shape*/, const TrainingSettings& /*settings*/,
                                         std::uint32_t /*max_window_rows*/, const CudaSettings& /*cuda*/) {
  throw DeviceError(kAbsent);
}

CudaReport cuda_report() {
  CudaReport report;
  report.unusable = kAbsent;
  return report;
}

OverlapReport measure_overlap(const NetworkShape& /*shape*/, const TrainingSettings& /*settings*/,
                              std::uint32_t /*window_rows*/, std::uint32_t /*windows*/,
                              const CudaSettings& /*cuda*/) {
  throw DeviceError(kAbsent);
}

}  // namespace millrace
