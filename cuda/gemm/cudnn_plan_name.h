// cuDNN's own names of its plans: an engine and its knobs. "eng7_k24=3_k17=1" is engine 7 with knob 24 (of
// cudnnBackendKnobType_t) at 3 and knob 17 at 1. The frontend writes them and cannot read them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace millrace::cuda {

struct CudnnPlanName {
  std::int64_t engine = 0;
  std::map<int, std::int64_t> knobs;

  bool operator==(const CudnnPlanName&) const = default;
};

// Nothing: it is no such name.
[[nodiscard]] std::optional<CudnnPlanName> parse_cudnn_plan_name(std::string_view text);

// Whether such a plan adds up a sum in parts made side by side, in an order that cuDNN does not promise.
[[nodiscard]] bool splits_sums(const CudnnPlanName& plan);

}  // namespace millrace::cuda
