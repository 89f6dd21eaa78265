// The optimizer's arithmetic that is the same for all parameters: Adam as Keras 3 computes it (engine.h).
#pragma once

#include <cstdint>

#include "millrace/engine.h"

#include "engine/vector_kernels.h"

namespace millrace {

// The square of a gradient enters the second moment. This is the largest float below 2^64, whose square is
// beyond the floats: no update is made of a gradient that is larger, infinite or NaN.
inline constexpr float kLargestGradient = 0x1.fffffep63F;

// What update number `step` (from 1) computes with.
[[nodiscard]] AdamConstants adam_constants(const TrainingSettings& settings, std::uint64_t step);

}  // namespace millrace
