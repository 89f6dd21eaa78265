// Leads the workers of the CPU engine through windows, batch by batch, and decides what becomes of each
// batch.
//
// Owned by an engine. One thread at a time. Allocates in the constructor only.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "millrace/engine.h"

#include "engine/shuffle.h"
#include "engine/standardizer.h"
#include "engine/thread_team.h"
#include "engine/worker.h"

namespace millrace {

// Optimizer updates so far, and updates dropped since the last one.
struct TrainingProgress {
  std::uint64_t step = 0;
  std::uint64_t skipped_in_a_row = 0;
};

class TrainingLoop {
 public:
  // Errors: DeviceError.
  TrainingLoop(const NetworkShape& shape, const TrainingSettings& settings, std::uint32_t max_window_rows,
               int threads);

  // The logits of all rows of the window, in its order.
  void score(const WindowView& window, const FeatureScaling& scaling, std::span<float> logits);

  // All epochs; what became of them is added to the outcome.
  void train(const WindowView& window, const FeatureScaling& scaling, WindowOutcome& outcome);

  [[nodiscard]] const VectorKernels& kernels() const { return place_.kernels; }
  [[nodiscard]] const ParameterArrays& arrays() const { return place_.arrays; }
  [[nodiscard]] ParameterArrays& arrays() { return place_.arrays; }
  [[nodiscard]] const TrainingProgress& progress() const { return progress_; }
  void set_progress(const TrainingProgress& progress) { progress_ = progress; }

 private:
  // Whether the batch made an update; its loss.
  struct Verdict {
    bool finite;
    double loss;
  };
  template <class Work>
  void run_together(std::size_t stages, const Work& work);
  Verdict train_together(const Batch& batch);
  Verdict train_apart(const Batch& batch);
  [[nodiscard]] bool gradients_are_within_bounds(std::size_t workers) const;

  const TrainingSettings settings_;
  Workplace place_;
  const std::vector<Stage> stages_;
  std::deque<Worker> workers_;  // by thread; they borrow place_
  Shuffle shuffle_;
  TrainingProgress progress_;
  ThreadTeam team_;  // last: its threads use what is above
};

}  // namespace millrace
