// Single threads that set words: their launch is what they cost. Twice and once per window and epoch, never
// in a step.

#include "cuda/device/launch.h"
#include "cuda/kernels/step_state.h"

namespace millrace::cuda {

// traffic: 0 B/row, 0 FLOP/row
__global__ void MILLRACE_LAUNCH_BOUNDS(1)
    begin_window(DeviceWindow window, ScoreTarget scores, StepState* state) {
  state->window = window;
  state->scores = scores;
  state->order = nullptr;
  state->next = 0;
  state->sums = {};
}

// traffic: 0 B/row, 0 FLOP/row
__global__ void MILLRACE_LAUNCH_BOUNDS(1) begin_pass(const std::uint64_t* order, StepState* state) {
  state->order = order;
  state->next = 0;
}

void begin_window_async(const DeviceWindow& window, const ScoreTarget& scores, StepState* state,
                        cudaStream_t stream) {
  launch<begin_window>({.grid = 1, .block = 1}, stream, window, scores, state);
}

void begin_pass_async(const std::uint64_t* order, StepState* state, cudaStream_t stream) {
  launch<begin_pass>({.grid = 1, .block = 1}, stream, order, state);
}

}  // namespace millrace::cuda
