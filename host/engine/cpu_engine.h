// The engine of a machine without a GPU, on the vector instructions that it finds.
//
// Everything runs on the calling thread and the engine's own (thread_team.h), inside `score` and `train`;
// `stage` only notes where the rows are, and one window is in flight at a time.
// Invariants, besides those of Engine: (1) buffers are made in the constructor, none in a step or a window;
// (2) the bits depend on `threads` and on the kind of machine, and on nothing else.
#pragma once

#include <cstdint>
#include <memory>

#include "millrace/engine.h"
#include "millrace/model.h"

namespace millrace {

// float32 everywhere; bfloat16 where the processor multiplies it.
[[nodiscard]] bool cpu_engine_computes(MathMode math);

// A fresh engine holds initial_model_state(shape, settings.seed). It takes windows of up to
// `max_window_rows` rows and computes on `threads` threads, in
// mathematics that it has. Errors: DeviceError.
[[nodiscard]] std::unique_ptr<Engine> make_cpu_engine(const NetworkShape& shape,
                                                      const TrainingSettings& settings,
                                                      std::uint32_t max_window_rows, int threads);

}  // namespace millrace
