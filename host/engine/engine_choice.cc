#include "millrace/engine_choice.h"

#include <algorithm>
#include <stdexcept>

#include "millrace/errors.h"

#include "engine/cpu_engine.h"

namespace millrace {

namespace {

// Other numbers than those asked for are never given in silence.
void require_cpu_math(const EngineRequest& request, const std::string& why_cpu) {
  const MathMode math = request.training.math;
  if (cpu_engine_computes(math)) return;
  const std::string what = math == MathMode::bf16 ? ", whose processor has no instructions for bf16"
                                                  : ", and the CPU engine computes in fp32 and bf16 alone";
  throw OptionError(OptionError::Kind::conflict, "--math", std::string(name_of(math)),
                    why_cpu + what + "; leave --math out, or train with --engine cuda where a GPU is");
}

std::unique_ptr<Engine> make_cpu(const EngineRequest& request) {
  return make_cpu_engine(request.shape, request.training, request.max_window_rows, request.threads);
}

std::unique_ptr<Engine> make_cuda(const EngineRequest& request) {
  return make_cuda_engine(request.shape, request.training, request.max_window_rows, request.cuda);
}

}  // namespace

AutoChoice choose_engine(const CudaReport& report, int device) {
  if (!report.unusable.empty()) return {false, report.unusable};
  const auto found = std::ranges::find(report.devices, device, &CudaDevice::number);
  // A GPU that was asked for by number and is not there is an error, which the CUDA engine tells.
  if (found == report.devices.end()) return {true, "GPU " + std::to_string(device)};
  std::string name = "GPU " + std::to_string(device) + " (" + found->name + ")";
  if (!found->unusable.empty()) return {false, std::move(name) + " cannot be used: " + found->unusable};
  return {true, std::move(name)};
}

std::unique_ptr<Engine> make_engine(const EngineRequest& request) {
  if (request.choice == "cuda") return make_cuda(request);
  if (request.choice == "cpu") {
    require_cpu_math(request, "--engine cpu was asked for");
    return make_cpu(request);
  }
  if (request.choice != "auto") throw std::invalid_argument("no such engine: " + request.choice);

  const CudaReport report = cuda_report();
  const AutoChoice choice = choose_engine(report, request.cuda.device);
  if (choice.cuda) return make_cuda(request);
  require_cpu_math(request, choice.reason);
  // Whoever built without CUDA knows.
  if (report.built) request.cuda.note("Training on the CPU: " + choice.reason + ".");
  return make_cpu(request);
}

std::string_view name_of(MathMode math) {
  switch (math) {
    case MathMode::fp32:
      return "fp32";
    case MathMode::tf32:
      return "tf32";
    case MathMode::bf16:
      return "bf16";
  }
  throw std::logic_error("mathematics without a name");
}

}  // namespace millrace
