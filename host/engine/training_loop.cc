#include "engine/training_loop.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "engine/adam.h"

namespace millrace {

TrainingLoop::TrainingLoop(const NetworkShape& shape, const TrainingSettings& settings,
                           std::uint32_t max_window_rows, int threads)
    : settings_(settings),
      place_(shape, settings, static_cast<std::size_t>(threads)),
      stages_(stages_of(place_.splits)),
      shuffle_(max_window_rows),
      team_(threads) {
  for (std::size_t thread = 0; thread < place_.threads; ++thread) workers_.emplace_back(place_, thread);
}

void TrainingLoop::score(const WindowView& window, const FeatureScaling& scaling, std::span<float> logits) {
  const Batch all = {window, scaling, {window.row_index, window.rows}};
  team_.run([&](std::size_t share) { workers_[share].score(all, logits); });
}

void TrainingLoop::train(const WindowView& window, const FeatureScaling& scaling, WindowOutcome& outcome) {
  for (std::uint32_t epoch = 0; epoch < settings_.epochs; ++epoch) {
    const auto order = shuffle_.permutation(settings_.seed, window.index, epoch, window.rows);
    for (std::uint32_t& row : order) row = window.row_index[row];
    for (std::size_t begin = 0; begin < order.size(); begin += settings_.batch) {
      const std::size_t rows = std::min<std::size_t>(settings_.batch, order.size() - begin);
      const Batch batch = {window, scaling, order.subspan(begin, rows)};
      const Verdict verdict = rows <= kRowsAtATime ? train_together(batch) : train_apart(batch);
      if (verdict.finite) {
        outcome.training_loss_sum += verdict.loss;
        outcome.trained_rows += rows;
        ++outcome.steps;
        progress_.skipped_in_a_row = 0;
      } else {
        ++outcome.skipped_steps;
        outcome.most_skipped_in_a_row = std::max(outcome.most_skipped_in_a_row, ++progress_.skipped_in_a_row);
      }
    }
  }
}

bool TrainingLoop::gradients_are_within_bounds(std::size_t workers) const {
  return std::all_of(workers_.begin(), workers_.begin() + static_cast<std::ptrdiff_t>(workers),
                     [](const Worker& worker) {
                       return worker.largest_gradient() <= static_cast<double>(kLargestGradient);
                     });
}

// work(stage, worker) for the workers that a batch of few rows is worth.
template <class Work>
void TrainingLoop::run_together(std::size_t stages, const Work& work) {
  if (place_.together > 1) return team_.run(stages, work);
  for (std::size_t stage = 0; stage < stages; ++stage) work(stage, 0);
}

// The gradient is made in chunks that go to Adam at once, so it must be known before that it is finite. A
// bound by what it is made of says so nearly always; else it is computed once more, to look at it.
TrainingLoop::Verdict TrainingLoop::train_together(const Batch& batch) {
  run_together(stages_.size(),
               [&](std::size_t stage, std::size_t worker) { workers_[worker].make(stages_[stage], batch); });
  const double loss = workers_.front().loss();  // they all have the same
  if (!std::isfinite(loss)) return {false, loss};
  if (!gradients_are_within_bounds(place_.together)) {
    run_together(1, [&](std::size_t, std::size_t worker) { workers_[worker].look_at_gradients(); });
    if (!gradients_are_within_bounds(place_.together)) return {false, loss};
  }
  const AdamConstants constants = adam_constants(settings_, ++progress_.step);
  run_together(1, [&](std::size_t, std::size_t worker) { workers_[worker].update(constants); });
  return {true, loss};
}

TrainingLoop::Verdict TrainingLoop::train_apart(const Batch& batch) {
  team_.run(2, [&](std::size_t stage, std::size_t worker) {
    if (stage == 0) {
      workers_[worker].add_up_own_rows(batch);
    } else {
      workers_[worker].add_up_workers(batch.rows.size());
    }
  });
  double loss = 0;
  for (const Worker& worker : workers_) loss += worker.loss();
  if (!std::isfinite(loss) || !gradients_are_within_bounds(place_.threads)) return {false, loss};
  const AdamConstants constants = adam_constants(settings_, ++progress_.step);
  team_.run([&](std::size_t worker) { workers_[worker].update_part(constants); });
  if (settings_.math == MathMode::bf16) {
    run_together(1, [&](std::size_t, std::size_t worker) { workers_[worker].round_own_weights(); });
  }
  return {true, loss};
}

}  // namespace millrace
