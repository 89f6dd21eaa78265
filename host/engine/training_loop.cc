#include "engine/training_loop.h"

#include <algorithm>
#include <cmath>

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

bool TrainingLoop::all_gradients_within_bounds() const {
  return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) {
    return worker.largest_gradient() <= static_cast<double>(kLargestGradient);
  });
}

// The gradient is made in chunks that go to Adam at once, so it must be known before that it is finite. A
// bound by what it is made of says so nearly always; else it is computed once more, to look at it.
TrainingLoop::Verdict TrainingLoop::train_together(const Batch& batch) {
  team_.run(stages_.size(),
            [&](std::size_t stage, std::size_t share) { workers_[share].make(stages_[stage], batch); });
  const double loss = workers_.front().loss();  // they all have the same
  if (!std::isfinite(loss)) return {false, loss};
  if (!all_gradients_within_bounds()) {
    team_.run([&](std::size_t share) { workers_[share].look_at_gradients(); });
    if (!all_gradients_within_bounds()) return {false, loss};
  }
  const AdamConstants constants = adam_constants(settings_, ++progress_.step);
  team_.run([&](std::size_t share) { workers_[share].update(constants); });
  return {true, loss};
}

TrainingLoop::Verdict TrainingLoop::train_apart(const Batch& batch) {
  team_.run(2, [&](std::size_t stage, std::size_t share) {
    if (stage == 0) {
      workers_[share].add_up_own_rows(batch);
    } else {
      workers_[share].add_up_workers(batch.rows.size());
    }
  });
  double loss = 0;
  for (const Worker& worker : workers_) loss += worker.loss();
  if (!std::isfinite(loss) || !all_gradients_within_bounds()) return {false, loss};
  const AdamConstants constants = adam_constants(settings_, ++progress_.step);
  team_.run([&](std::size_t share) { workers_[share].update_part(constants); });
  if (settings_.math == MathMode::bf16) {
    team_.run([&](std::size_t share) { workers_[share].round_own_weights(); });
  }
  return {true, loss};
}

}  // namespace millrace
