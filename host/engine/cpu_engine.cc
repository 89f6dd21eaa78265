#include "engine/cpu_engine.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/logistic_loss.h"
#include "engine/standardizer.h"
#include "engine/training_loop.h"

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
        max_window_rows_(max_window_rows),
        threads_(threads),
        loop_(shape, settings, max_window_rows, threads),
        standardizer_(shape.features(), settings.standardize) {
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
    Scores& scores = scores_[next_scores_];
    next_scores_ ^= 1;
    outcome_ = {};
    outcome_.window = window_.index;
    outcome_.rows = window_.rows;
    loop_.score(window_, standardizer_.scaling(), std::span(scores.logits).first(window_.rows));
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
    standardizer_.take_in(window_);
    loop_.train(window_, standardizer_.scaling(), outcome_);
    stage_ = Stage::trained;
  }

  WindowOutcome wait() override {
    require(stage_ == Stage::scored || stage_ == Stage::trained, "wait: no window was scored");
    stage_ = Stage::idle;
    return outcome_;
  }

  ModelState snapshot() const override {
    require(stage_ == Stage::idle, "snapshot: a window is in flight");
    ModelState state;
    loop_.arrays().save(state);
    state.step = loop_.progress().step;
    state.skipped_in_a_row = loop_.progress().skipped_in_a_row;
    state.standardizer = standardizer_.state();
    return state;
  }

  void restore(const ModelState& state) override {
    require(stage_ == Stage::idle, "restore: a window is in flight");
    require(state.shape == shape_, "restore: a state of another shape");
    standardizer_.restore(state.standardizer);
    loop_.arrays().load(state);
    loop_.set_progress({state.step, state.skipped_in_a_row});
  }

  std::string_view name() const override { return "cpu"; }
  std::string description() const override {
    return "cpu, " + std::string(loop_.kernels().name) + ", " + std::to_string(threads_) +
           (threads_ == 1 ? " thread" : " threads");
  }

 private:
  enum class Stage { idle, staged, scored, trained };

  const NetworkShape shape_;
  const std::uint32_t max_window_rows_;
  const int threads_;

  // The state.
  TrainingLoop loop_;
  Standardizer standardizer_;

  // The window in flight.
  Stage stage_ = Stage::idle;
  WindowView window_;
  WindowOutcome outcome_;
  std::array<Scores, 2> scores_;  // in turns: an outcome's spans live until the wait after it
  std::size_t next_scores_ = 0;
};

}  // namespace

bool cpu_engine_computes(MathMode math) {
  return math == MathMode::fp32 || (math == MathMode::bf16 && bf16_kernels() != nullptr);
}

std::unique_ptr<Engine> make_cpu_engine(const NetworkShape& shape, const TrainingSettings& settings,
                                        std::uint32_t max_window_rows, int threads) {
  require(settings.batch >= 1 && max_window_rows >= 1 && threads >= 1,
          "engine: batch, window and threads are at least 1");
  require(cpu_engine_computes(settings.math), "engine: mathematics that this processor does not have");
  return std::make_unique<CpuEngine>(checked(shape), settings, max_window_rows, threads);
}

}  // namespace millrace
