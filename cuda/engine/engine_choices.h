// What an engine chose, as one line of text that a state keeps: for which device and library, and then
// product by product. Choices made for others are not taken up.
#pragma once

#include <optional>
#include <string>

#include "cuda/gemm/dense_products.h"

namespace millrace::cuda {

// "device=NVIDIA H100 80GB HBM3 sm_90;library=cublaslt 130002;forward 128x32x12=fused:00…;…"
struct EngineChoices {
  std::string device;
  std::string library;  // name and version
  ProductChoices products;
};

[[nodiscard]] std::string to_text(const EngineChoices& choices);

// Nothing where the text is none of ours.
[[nodiscard]] std::optional<EngineChoices> engine_choices_from(const std::string& text);

}  // namespace millrace::cuda
