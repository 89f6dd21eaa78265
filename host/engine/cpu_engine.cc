#include "engine/cpu_engine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "engine/adam.h"
#include "engine/engine_threads.h"
#include "engine/logistic_loss.h"
#include "engine/network.h"
#include "engine/onednn.h"
#include "engine/parameter_arrays.h"
#include "engine/shuffle.h"
#include "engine/standardizer.h"

namespace millrace {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

const NetworkShape& checked(const NetworkShape& shape) {
  require(shape.widths.size() >= 2, "network shape: inputs and an output are needed");
  require(shape.widths.back() == 1, "network shape: the last width must be 1");
  require(std::find(shape.widths.begin(), shape.widths.end(), 0U) == shape.widths.end(),
          "network shape: a width is 0");
  return shape;
}

// What one window's rows became, where its outcome points to.
struct Scores {
  std::vector<float> logits;  // [max_window_rows]
  std::vector<float> labels;  // [max_window_rows]
};

class CpuEngine final : public Engine {
 public:
  CpuEngine(const NetworkShape& shape, const TrainingSettings& settings, std::uint32_t max_window_rows,
            int threads)
      : shape_(shape),
        settings_(settings),
        max_window_rows_(max_window_rows),
        threads_(threads),
        arrays_(onednn_, shape, Network::training_capacities(settings.batch)),
        network_(onednn_, shape, arrays_, settings.batch),
        adam_(settings),
        standardizer_(shape.features(), settings.standardize),
        shuffle_(max_window_rows),
        batch_labels_(settings.batch),
        batch_logits_(settings.batch),
        logit_gradients_(settings.batch) {
    for (Scores& scores : scores_) {
      scores.logits.resize(max_window_rows);
      scores.labels.resize(max_window_rows);
    }
    restore(initial_model_state(shape, settings.seed));
  }

  HostBuffer allocate_host(std::size_t bytes) override {
    constexpr std::align_val_t kLine{64};
    const auto release = [](void* memory, std::size_t) { ::operator delete[](memory, kLine); };
    return {new (kLine) std::byte[bytes], HostBufferDeleter{release, bytes}};
  }

  std::size_t windows_in_flight() const override { return 1; }

  void stage(const WindowView& window) override {
    require(stage_ == Stage::idle, "stage: a window is in flight");
    require(window.rows >= 1 && window.rows <= max_window_rows_, "stage: too many rows, or none");
    require(window.features == shape_.features(), "stage: another number of features");
    window_ = window;
    stage_ = Stage::staged;
  }

  void score() override {
    require(stage_ == Stage::staged, "score: no window was staged");
    const EngineThreads threads(threads_);
    Scores& scores = scores_[next_scores_];
    next_scores_ ^= 1;
    outcome_ = {};
    outcome_.window = window_.index;
    outcome_.rows = window_.rows;
    for (std::uint32_t done = 0; done < window_.rows;) {
      const std::uint32_t rows = network_.forward_rows(window_.rows - done);
      for (std::uint32_t i = 0; i < rows; ++i) put_row(i, window_.row_index[done + i]);
      network_.forward(std::span(scores.logits).subspan(done, rows));
      done += rows;
    }
    for (std::uint32_t i = 0; i < window_.rows; ++i) scores.labels[i] = window_.labels[window_.row_index[i]];
    outcome_.logits = std::span(scores.logits).first(window_.rows);
    outcome_.labels = std::span(scores.labels).first(window_.rows);
    const LossSums sums = logistic_loss(outcome_.logits, outcome_.labels);
    outcome_.loss_sum = sums.loss;
    outcome_.correct = sums.correct;
    stage_ = Stage::scored;
  }

  void train() override {
    require(stage_ == Stage::scored, "train: the window was not scored");
    const EngineThreads threads(threads_);
    standardizer_.take_in(window_);
    for (std::uint32_t epoch = 0; epoch < settings_.epochs; ++epoch) {
      const auto order = shuffle_.permutation(settings_.seed, window_.index, epoch, window_.rows);
      for (std::size_t begin = 0; begin < order.size(); begin += settings_.batch) {
        train_batch(order.subspan(begin, std::min<std::size_t>(settings_.batch, order.size() - begin)));
      }
    }
    stage_ = Stage::trained;
  }

  WindowOutcome wait() override {
    require(stage_ == Stage::scored || stage_ == Stage::trained, "wait: no window was scored");
    stage_ = Stage::idle;
    return outcome_;
  }

  ModelState snapshot() const override {
    require(stage_ == Stage::idle, "snapshot: a window is in flight");
    const EngineThreads threads(threads_);
    ModelState state;
    arrays_.save(onednn_, state);
    state.step = adam_.step();
    state.skipped_in_a_row = skipped_in_a_row_;
    state.standardizer = standardizer_.state();
    return state;
  }

  void restore(const ModelState& state) override {
    require(stage_ == Stage::idle, "restore: a window is in flight");
    require(state.shape == shape_, "restore: a state of another shape");
    const EngineThreads threads(threads_);
    standardizer_.restore(state.standardizer);
    arrays_.load(onednn_, state);
    adam_.set_step(state.step);
    skipped_in_a_row_ = state.skipped_in_a_row;
  }

  std::string_view name() const override { return "cpu"; }
  std::string description() const override {
    return "cpu, " + onednn_description() + ", " + std::to_string(threads_) +
           (threads_ == 1 ? " thread" : " threads");
  }

 private:
  enum class Stage { idle, staged, scored, trained };

  // Row `row` of the slot becomes row `place` of the network's input.
  void put_row(std::size_t place, std::uint32_t row) {
    const std::size_t features = shape_.features();
    const FeatureScaling& scaling = standardizer_.scaling();
    kernels_.scale_row(window_.values + row * features, scaling.substitute.data(), scaling.shift.data(),
                       scaling.factor.data(), features, network_.input() + place * features);
  }

  void train_batch(std::span<const std::uint32_t> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t row = window_.row_index[rows[i]];
      put_row(i, row);
      batch_labels_[i] = window_.labels[row];
    }
    const std::span logits = std::span(batch_logits_).first(rows.size());
    const std::span gradients = std::span(logit_gradients_).first(rows.size());
    network_.forward(logits);
    const double loss =
        logistic_loss_gradient(logits, std::span(batch_labels_).first(rows.size()), gradients);
    network_.backward(gradients);
    if (std::isfinite(loss) && adam_.update(arrays_.for_adam(), arrays_.size())) {
      outcome_.training_loss_sum += loss;
      outcome_.trained_rows += rows.size();
      ++outcome_.steps;
      skipped_in_a_row_ = 0;
    } else {
      ++outcome_.skipped_steps;
      outcome_.most_skipped_in_a_row = std::max(outcome_.most_skipped_in_a_row, ++skipped_in_a_row_);
    }
  }

  // Constant after construction.
  const NetworkShape shape_;
  const TrainingSettings settings_;
  const std::uint32_t max_window_rows_;
  const int threads_;
  const OneDnn onednn_;
  const VectorKernels& kernels_ = vector_kernels();

  // The state.
  ParameterArrays arrays_;
  Network network_;  // borrows onednn_ and arrays_
  Adam adam_;
  Standardizer standardizer_;
  std::uint64_t skipped_in_a_row_ = 0;

  // Scratch.
  Shuffle shuffle_;
  std::vector<float> batch_labels_;     // [batch]
  std::vector<float> batch_logits_;     // [batch]
  std::vector<float> logit_gradients_;  // [batch]

  // The window in flight.
  Stage stage_ = Stage::idle;
  WindowView window_;
  WindowOutcome outcome_;
  std::array<Scores, 2> scores_;  // in turns: an outcome's spans live until the wait after it
  std::size_t next_scores_ = 0;
};

}  // namespace

std::unique_ptr<Engine> make_cpu_engine(const NetworkShape& shape, const TrainingSettings& settings,
                                        std::uint32_t max_window_rows, int threads) {
  require(settings.batch >= 1 && max_window_rows >= 1 && threads >= 1,
          "engine: batch, window and threads are at least 1");
  // oneDNN plans for the number of threads that it finds.
  const EngineThreads construction_threads(threads);
  try {
    return std::make_unique<CpuEngine>(checked(shape), settings, max_window_rows, threads);
  } catch (const dnnl::error& error) {
    throw DeviceError(std::string("oneDNN: ") + error.what());
  }
}

}  // namespace millrace
