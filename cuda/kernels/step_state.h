// What changes from batch to batch and from step to step. It lies in device memory, so that one captured
// graph serves every batch of its capacity, and the host need not know how far the device is.
//
// Who writes it, in the order of a stream:
//
//   begin_window, begin_pass   order, next; begin_window also the window, and the sums to zero
//   gather_batch               begin, count; lowers the guard
//   guard_gradient             may raise the guard; step_size
//   adam                       step, next, skipped_in_a_row, training sums
//   add_scores                 next, scoring sums
//
// No kernel reads what it writes itself, except in one thread.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>

namespace millrace::cuda {

// A window in device memory, laid out as a WindowView (millrace/window.h).
struct DeviceWindow {
  const float* values;             // [slot_rows, features] row-major; a missing value is NaN
  const float* labels;             // [slot_rows]
  const std::uint32_t* row_index;  // [rows] rows of the slot, in the window's order
  std::uint32_t features;
  std::uint32_t rows;
};

// Where the scores of a window's rows go, in its order.
struct ScoreTarget {
  float* logits;  // [rows]
  float* labels;  // [rows]
};

// Sums, so that batches add up.
struct LossSums {
  double loss;            // nats
  std::uint64_t correct;  // (logit >= 0) == (label >= 0.5)
  std::uint64_t rows;
};

struct WindowSums {
  LossSums scoring;
  LossSums training;  // of the steps that were made
  std::uint64_t steps;
  std::uint64_t skipped_steps;  // the guard forbade them
  std::uint64_t most_skipped_in_a_row;
};

struct StepState {
  DeviceWindow window;
  ScoreTarget scores;
  // [rows] the pass's order: the low word of each is a place in the window's order. Null: that order itself.
  const std::uint64_t* order;
  std::uint32_t next;   // the first place that no batch took yet
  std::uint32_t begin;  // the batch: places begin … begin + count
  std::uint32_t count;
  std::uint32_t guard;             // not 0: this step's gradient or loss must not reach the weights
  std::uint64_t step;              // t: updates made since the state began
  double step_size;                // α_t of update number step + 1
  std::uint64_t skipped_in_a_row;  // steps that the guard forbade since the last one that was made
  WindowSums sums;
};

// Makes `window` the one that is worked on: scored first, in its own order.
void begin_window_async(const DeviceWindow& window, const ScoreTarget& scores, StepState* state,
                        cudaStream_t stream);

// One more pass over the window, in this order ([rows], as StepState::order).
void begin_pass_async(const std::uint64_t* order, StepState* state, cudaStream_t stream);

}  // namespace millrace::cuda
