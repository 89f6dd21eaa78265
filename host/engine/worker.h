// One thread's share of the CPU engine's work on a batch.
//
// A batch of a few rows is one piece of work, of which each worker does its part of every layer
// (partition.h), pass by pass; of a large one each worker takes its rows, some at a time, through the whole
// network, and the gradients are added up in the order of the workers.
// Invariants: (1) a parameter is written by one worker, in a stage in which nobody else reads it; (2) the
// bits depend on the number of workers and on nothing of their timing.
// Owned by a TrainingLoop; one thread at a time. Allocates in the constructor.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "millrace/engine.h"

#include "engine/exchange.h"
#include "engine/network.h"
#include "engine/parameter_arrays.h"
#include "engine/partition.h"
#include "engine/standardizer.h"

namespace millrace {

// Rows that a worker takes through the network at a time: their activations stay in its core's cache.
inline constexpr std::size_t kRowsAtATime = 128;

// Rows of a window.
struct Batch {
  const WindowView& window;
  const FeatureScaling& scaling;
  std::span<const std::uint32_t> rows;  // of the slot
};

// Part of a step on a few rows. Passes in one stage need nothing of other workers.
struct Pass {
  enum class Kind : std::uint8_t {
    gather,
    forward,
    join_outputs,
    loss,
    backward,
    join_input_gradient,
    bound
  };
  Kind kind;
  std::size_t layer = 0;
};
using Stage = std::vector<Pass>;

// From the rows of a batch to all that its gradient is made of.
[[nodiscard]] std::vector<Stage> stages_of(const std::vector<Split>& splits);

// What the workers of an engine share.
struct Workplace {
  Workplace(const NetworkShape& shape, const TrainingSettings& settings, std::size_t threads);

  const std::size_t threads;
  const VectorKernels& kernels;
  const std::vector<Split> splits;
  const std::size_t together;  // the workers that a batch of few rows is worth: all, or the first one alone
  ParameterArrays arrays;
  const Exchange exchange;
  std::vector<FloatBuffer> gradients;  // by worker, as ParameterArrays; for batches of more than kRowsAtATime
};

class Worker {
 public:
  Worker(Workplace& place, std::size_t thread);

  // This worker's part of the logits of `batch`.
  void score(const Batch& batch, std::span<float> logits);

  // A batch of up to kRowsAtATime rows: the stages in their order, then, if its gradient is finite, `update`.
  void make(const Stage& stage, const Batch& batch);
  void update(const AdamConstants& constants);

  // A larger one: the gradient of this worker's rows; in the next stage its part of the sum over all workers;
  // then, if all is finite, the update of that part.
  void add_up_own_rows(const Batch& batch);
  void add_up_workers(std::size_t rows);
  void update_part(const AdamConstants& constants);
  // In the stage after that, where products multiply rounded weights.
  void round_own_weights();

  // Of the batch: the sum of the losses (of this worker's rows, of a large batch), and a number that no
  // |gradient| of what this worker updates exceeds. After look_at_gradients, the largest itself.
  [[nodiscard]] double loss() const { return loss_; }
  [[nodiscard]] double largest_gradient() const { return largest_; }
  void look_at_gradients();

 private:
  void gather(const Batch& batch);
  void compute_loss(const Batch& batch, std::size_t batch_rows);
  [[nodiscard]] Range own_rows(std::size_t rows, std::size_t worker) const;
  template <class Each>
  void for_own_chunks(const Each& each);

  Workplace& place_;
  const VectorKernels& kernels_;
  const std::size_t thread_;
  const std::vector<LayerShare> whole_;  // by layer: the network as one thread computes it
  const std::vector<LayerShare> share_;  // by layer: this worker's part, if it is one of those together
  const Range part_;                     // of the arrays, that it adds up and updates
  Network network_;
  FloatBuffer labels_;  // [kRowsAtATime]
  FloatBuffer chunk_;   // of a gradient
  float* sum_ = nullptr;
  double loss_ = 0;
  double largest_ = 0;
};

}  // namespace millrace
