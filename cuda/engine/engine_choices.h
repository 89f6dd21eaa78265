// What an engine chose, as one line of text that a state keeps: for which device, with which libraries, and
// then layer by layer. Choices made for others are not taken up. Texts of the time when cuBLASLt was the only
// library, with one entry for each product, are read too.
#pragma once

#include <optional>
#include <string>

#include "cuda/gemm/layer_planner.h"

namespace millrace::cuda {

// "device=NVIDIA H100 80GB HBM3 sm_90;library=cublaslt 130002;library=cudnn 9.12.0;score 32x12x128=…;…"
struct EngineChoices {
  std::string device;
  ProductChoices products;
};

[[nodiscard]] std::string to_text(const EngineChoices& choices);

// Nothing where the text is none of ours.
[[nodiscard]] std::optional<EngineChoices> engine_choices_from(const std::string& text);

}  // namespace millrace::cuda
