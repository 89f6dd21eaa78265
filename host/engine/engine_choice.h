// Which engine trains.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "millrace/engine.h"
#include "millrace/model.h"

namespace millrace {

// `choice` is auto, cpu or cuda. A build without the CUDA engine takes the CPU for auto and throws
// DeviceError for cuda. `threads` counts for the CPU engine alone.
[[nodiscard]] std::unique_ptr<Engine> make_engine(std::string_view choice, const NetworkShape& shape,
                                                  const TrainingSettings& settings,
                                                  std::uint32_t max_window_rows, int threads);

}  // namespace millrace
