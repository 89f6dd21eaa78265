#include "cuda/engine/cuda_engine.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>
#include <stdexcept>
#include <utility>

#include "cuda/buffer.h"
#include "cuda/check.h"
#include "cuda/engine/device_network.h"
#include "cuda/engine/engine_choices.h"
#include "cuda/graph.h"
#include "cuda/kernels/shuffle_keys.h"
#include "cuda/library/device_sort.h"
#include "cuda/stream.h"

namespace millrace::cuda {
namespace {

// One computed, one copied.
constexpr std::size_t kWindowsInFlight = 2;

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

std::string_view name_of(MathMode math) {
  switch (math) {
    case MathMode::fp32:
      return "fp32";
    case MathMode::tf32:
      return "tf32";
    case MathMode::bf16:
      return "bf16";
  }
  return "";
}

// A window on the device, with its scores.
struct DeviceSlot {
  DeviceSlot(std::uint32_t rows, std::uint32_t features, cudaStream_t stream)
      : values(std::size_t{rows} * features, stream),
        labels(rows, stream),
        row_index(rows, stream),
        logits(rows, stream),
        ordered_labels(rows, stream) {}

  DeviceBuffer<float> values;
  DeviceBuffer<float> labels;
  DeviceBuffer<std::uint32_t> row_index;
  DeviceBuffer<float> logits;          // in the window's order
  DeviceBuffer<float> ordered_labels;  // likewise
  Event copied;                        // the copy stream is done with it
  Event computed;                      // the compute stream is: its scores and sums are on the host, and the
                                       // slot may be filled again
};

// What came back of a window.
struct HostOutcome {
  explicit HostOutcome(std::uint32_t rows) : sums(1), logits(rows), labels(rows) {}

  PinnedBuffer<WindowSums> sums;
  PinnedBuffer<float> logits;
  PinnedBuffer<float> labels;
};

// The state on its way between host and device.
struct HostState {
  HostState(std::size_t parameter_count, std::size_t features)
      : parameters(parameter_count),
        first_moment(parameter_count),
        second_moment(parameter_count),
        moments(3 * features),
        step(1) {}

  PinnedBuffer<float> parameters;
  PinnedBuffer<float> first_moment;
  PinnedBuffer<float> second_moment;
  PinnedBuffer<double> moments;
  PinnedBuffer<StepState> step;
};

struct WindowEvents {
  Event copy_begin{Event::Timing::on};
  Event copy_end{Event::Timing::on};
  Event compute_begin{Event::Timing::on};
  Event compute_end{Event::Timing::on};
};

struct CapturedBatch {
  std::uint32_t capacity;
  Graph captured;
  GraphExec graph;
};

// Those of the earlier engine, where they were made for this device.
ProductChoices choices_to_begin_with(const CudaEngineSettings& cuda) {
  if (cuda.earlier_choices.empty()) return {};
  auto earlier = engine_choices_from(cuda.earlier_choices);
  if (earlier && earlier->device == cuda.device_name) return std::move(earlier->products);
  cuda.note("The algorithms of matrix products are chosen anew: those of the state were made for " +
            (earlier ? earlier->device : std::string("another program")) + ".");
  return {};
}

void note_lost_choices(const CudaEngineSettings& cuda, const LayerPlanner& planner) {
  if (planner.lost().empty()) return;
  cuda.note(fmt::format("Some algorithms of matrix products are chosen anew: {}.",
                        fmt::join(planner.lost(), ", ")));
}

// "cublaslt 130002, cudnn 9.12.0"
std::string libraries_text(const ProductChoices& choices) {
  std::string text;
  for (const auto& [name, version] : choices.libraries) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, version);
  }
  return text;
}

// Work is enqueued on streams whose memory outlives it: at the end of an engine, and when its making fails.
class Quiesced {
 public:
  Quiesced(const Stream& one, const Stream& other) : one_(one), other_(other) {}
  Quiesced(const Quiesced&) = delete;
  Quiesced& operator=(const Quiesced&) = delete;
  ~Quiesced() {
    log_failed_release(cudaStreamSynchronize(one_.view()), "cudaStreamSynchronize");
    log_failed_release(cudaStreamSynchronize(other_.view()), "cudaStreamSynchronize");
  }

 private:
  const Stream& one_;
  const Stream& other_;
};

class Implementation final : public CudaEngine {
 public:
  Implementation(const NetworkShape& shape, const TrainingSettings& settings, std::uint32_t max_window_rows,
                 const CudaEngineSettings& cuda)
      : shape_(shape),
        settings_(settings),
        cuda_(cuda),
        max_window_rows_(max_window_rows),
        planner_(cuda.products(compute_.view()), cuda.tune, choices_to_begin_with(cuda), compute_.view()),
        network_(shape, settings, max_window_rows, planner_, compute_.view()),
        keys_(max_window_rows, compute_.view()),
        order_(max_window_rows, compute_.view()),
        sort_workspace_(sort_workspace_bytes(max_window_rows), compute_.view()),
        host_state_(network_.layout().size(), shape.features()),
        description_(fmt::format("cuda, {}, {}, {}", cuda.device_name, libraries_text(planner_.choices()),
                                 cuda::name_of(settings.math))) {
    note_lost_choices(cuda, planner_);
    for (std::size_t i = 0; i < kWindowsInFlight; ++i) {
      slots_.emplace_back(max_window_rows, shape.features(), compute_.view());
    }
    // One more: an outcome's spans live until the wait after it.
    for (std::size_t i = 0; i <= kWindowsInFlight; ++i) outcomes_.emplace_back(max_window_rows);
    if (cuda.timeline) origin_.emplace(Event::Timing::on);
    prepare();
    restore(initial_model_state(shape, settings.seed));
  }

  HostBuffer allocate_host(std::size_t bytes) override {
    MILLRACE_CUDA_CHECK(cudaSetDevice(cuda_.device));  // the caller may be another thread than the maker
    void* memory = nullptr;
    MILLRACE_CUDA_CHECK(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault));
    const auto release = [](void* pinned, std::size_t) {
      log_failed_release(cudaFreeHost(pinned), "cudaFreeHost");
    };
    return {static_cast<std::byte*>(memory), HostBufferDeleter{release, bytes}};
  }

  std::size_t windows_in_flight() const override { return kWindowsInFlight; }

  void stage(const WindowView& window) override {
    require(stage_ != Stage::staged, "stage: the window before was not scored");
    require(window.rows >= 1 && window.rows <= max_window_rows_ && window.slot_rows <= max_window_rows_,
            "stage: too many rows, or none");
    require(window.features == shape_.features(), "stage: another number of features");
    finish_scored();
    require(in_flight_.size() < kWindowsInFlight, "stage: too many windows are in flight");
    const std::size_t number = next_window_++;
    const DeviceSlot& slot = slots_[number % slots_.size()];
    InFlight entry = {.view = window, .slot = &slot, .outcome = &outcomes_[number % outcomes_.size()]};
    if (cuda_.timeline) {
      entry.events = std::make_unique<WindowEvents>();
      if (number == 0) copy_.record_async(*origin_);
      copy_.record_async(entry.events->copy_begin);
    }
    const std::size_t values = std::size_t{window.slot_rows} * window.features;
    copy_async(slot.values.view().first(values), std::span(window.values, values), copy_.view());
    copy_async(slot.labels.view().first(window.slot_rows), std::span(window.labels, window.slot_rows),
               copy_.view());
    copy_async(slot.row_index.view().first(window.rows), std::span(window.row_index, window.rows),
               copy_.view());
    if (cuda_.timeline) copy_.record_async(entry.events->copy_end);
    copy_.record_async(slot.copied);
    in_flight_.push_back(std::move(entry));
    stage_ = Stage::staged;
  }

  void score() override {
    require(stage_ == Stage::staged, "score: no window was staged");
    const InFlight& window = in_flight_.back();
    const DeviceSlot& slot = *window.slot;
    compute_.wait_for_async(slot.copied);
    if (cuda_.timeline) compute_.record_async(window.events->compute_begin);
    begin_window_async({.values = slot.values.data(),
                        .labels = slot.labels.data(),
                        .row_index = slot.row_index.data(),
                        .features = window.view.features,
                        .rows = window.view.rows},
                       {.logits = slot.logits.data(), .labels = slot.ordered_labels.data()}, network_.state(),
                       compute_.view());
    run_batches(scoring_, window.view.rows, &DeviceNetwork::score_batch_async);
    stage_ = Stage::scored;
  }

  void train() override {
    require(stage_ == Stage::scored, "train: the window was not scored");
    const WindowView& window = in_flight_.back().view;
    network_.take_in_window_async(compute_.view());
    const std::span keys = keys_.view().first(window.rows);
    const std::span order = order_.view().first(window.rows);
    for (std::uint32_t epoch = 0; epoch < settings_.epochs; ++epoch) {
      shuffle_keys_async({settings_.seed, window.index, epoch}, keys, compute_.view());
      sort_by_high_word_async(keys, order, sort_workspace_.view(), compute_.view());
      begin_pass_async(order.data(), network_.state(), compute_.view());
      run_batches(training_, window.rows, &DeviceNetwork::train_batch_async);
    }
    finish_window();
  }

  WindowOutcome wait() override {
    require(!in_flight_.empty() && stage_ != Stage::staged, "wait: no window was scored");
    if (in_flight_.size() == 1) finish_scored();
    const InFlight window = std::move(in_flight_.front());
    window.slot->computed.wait();
    in_flight_.pop_front();
    if (cuda_.timeline) note_times(*window.events);
    const WindowSums& sums = window.outcome->sums[0];
    return {.window = window.view.index,
            .rows = window.view.rows,
            .loss_sum = sums.scoring.loss,
            .correct = sums.scoring.correct,
            .logits = window.outcome->logits.view().first(window.view.rows),
            .labels = window.outcome->labels.view().first(window.view.rows),
            .training_loss_sum = sums.training.loss,
            .trained_rows = sums.training.rows,
            .steps = sums.steps,
            .skipped_steps = sums.skipped_steps,
            .most_skipped_in_a_row = sums.most_skipped_in_a_row};
  }

  ModelState snapshot() const override {
    require(in_flight_.empty(), "snapshot: a window is in flight");
    const HostState& host = host_state_;
    copy_async(host.parameters.view(), network_.parameters(), compute_.view());
    copy_async(host.first_moment.view(), network_.first_moment(), compute_.view());
    copy_async(host.second_moment.view(), network_.second_moment(), compute_.view());
    copy_async(host.moments.view(), network_.moments(), compute_.view());
    copy_async(host.step.view(), network_.state_view(), compute_.view());
    compute_.synchronize();
    ModelState state;
    state.shape = shape_;
    for (const auto& [padded, plain] :
         {std::pair(&host.parameters, &state.parameters), std::pair(&host.first_moment, &state.first_moment),
          std::pair(&host.second_moment, &state.second_moment)}) {
      plain->resize(shape_.parameters());
      network_.layout().unpad(padded->view(), *plain);
    }
    state.step = host.step[0].step;
    state.skipped_in_a_row = host.step[0].skipped_in_a_row;
    const auto vector_at = [&](std::size_t which) {
      const auto part = host.moments.view().subspan(which * shape_.features(), shape_.features());
      return std::vector<double>(part.begin(), part.end());
    };
    state.standardizer = {.count = vector_at(0), .mean = vector_at(1), .m2 = vector_at(2)};
    return state;
  }

  void restore(const ModelState& state) override {
    require(in_flight_.empty(), "restore: a window is in flight");
    require(state.shape == shape_, "restore: a state of another shape");
    const HostState& host = host_state_;
    network_.layout().pad(state.parameters, host.parameters.view());
    network_.layout().pad(state.first_moment, host.first_moment.view());
    network_.layout().pad(state.second_moment, host.second_moment.view());
    std::size_t which = 0;
    for (const auto* vector : {&state.standardizer.count, &state.standardizer.mean, &state.standardizer.m2}) {
      require(vector->size() == shape_.features(), "restore: a standardizer of another number of features");
      std::copy(vector->begin(), vector->end(), host.moments.data() + which * shape_.features());
      ++which;
    }
    host.step[0] = StepState{};
    host.step[0].step = state.step;
    host.step[0].skipped_in_a_row = state.skipped_in_a_row;
    copy_async(network_.parameters(), host.parameters.view(), compute_.view());
    copy_async(network_.first_moment(), host.first_moment.view(), compute_.view());
    copy_async(network_.second_moment(), host.second_moment.view(), compute_.view());
    copy_async(network_.moments(), host.moments.view(), compute_.view());
    copy_async(network_.state_view(), host.step.view(), compute_.view());
    network_.renew_derived_async(compute_.view());
    compute_.synchronize();
  }

  std::string_view name() const override { return "cuda"; }
  std::string description() const override { return description_; }
  std::string choices() const override { return to_text({cuda_.device_name, planner_.choices()}); }
  const std::vector<WindowTimes>& timeline() const override { return timeline_; }
  const Graph& step_graph() const override { return training_.back().captured; }

 private:
  enum class Stage { idle, staged, scored };

  struct InFlight {
    WindowView view;
    const DeviceSlot* slot;
    const HostOutcome* outcome;
    std::unique_ptr<WindowEvents> events{};  // with a timeline
  };

  // Runs everything once on the empty state, so that what is loaded lazily is loaded, and captures it.
  void prepare() {
    const DeviceSlot& slot = slots_.front();
    begin_window_async({slot.values.data(), slot.labels.data(), slot.row_index.data(), shape_.features(), 0},
                       {slot.logits.data(), slot.ordered_labels.data()}, network_.state(), compute_.view());
    prepare_batches(network_.scoring_capacities(), scoring_, &DeviceNetwork::score_batch_async);
    prepare_batches(network_.training_capacities(), training_, &DeviceNetwork::train_batch_async);
    compute_.synchronize();
  }

  using BatchFunction = void (DeviceNetwork::*)(std::uint32_t, cudaStream_t) const;

  void prepare_batches(std::span<const std::uint32_t> capacities, std::vector<CapturedBatch>& captured,
                       BatchFunction batch_async) {
    for (const std::uint32_t capacity : capacities) {
      const auto enqueue = [&] { (network_.*batch_async)(capacity, compute_.view()); };
      enqueue();
      Graph graph = capture(compute_.view(), enqueue);
      GraphExec ready(graph);
      captured.push_back({capacity, std::move(graph), std::move(ready)});
    }
  }

  // The window's rows in batches of the largest capacity, and the rest in the smallest that holds it.
  void run_batches(const std::vector<CapturedBatch>& captured, std::uint32_t rows,
                   BatchFunction batch_async) {
    while (rows > 0) {
      auto batch = std::find_if(captured.begin(), captured.end(),
                                [rows](const CapturedBatch& one) { return one.capacity >= rows; });
      if (batch == captured.end()) --batch;
      if (cuda_.graphs) {
        batch->graph.launch_async(compute_.view());
      } else {
        (network_.*batch_async)(batch->capacity, compute_.view());
      }
      rows -= std::min(rows, batch->capacity);
    }
  }

  // What the newest window came to goes to the host; its slot is free after that.
  void finish_window() {
    const InFlight& window = in_flight_.back();
    const std::uint32_t rows = window.view.rows;
    const StepState* state = network_.state();
    copy_async(window.outcome->sums.view(), std::span(&state->sums, 1), compute_.view());
    copy_async(window.outcome->logits.view().first(rows), window.slot->logits.view().first(rows),
               compute_.view());
    copy_async(window.outcome->labels.view().first(rows), window.slot->ordered_labels.view().first(rows),
               compute_.view());
    if (cuda_.timeline) compute_.record_async(window.events->compute_end);
    compute_.record_async(window.slot->computed);
    stage_ = Stage::idle;
  }

  void finish_scored() {
    if (stage_ == Stage::scored) finish_window();
  }

  void note_times(const WindowEvents& events) {
    const auto since_origin = [this](const Event& event) { return double{elapsed(*origin_, event).count()}; };
    timeline_.push_back({since_origin(events.copy_begin), since_origin(events.copy_end),
                         since_origin(events.compute_begin), since_origin(events.compute_end)});
  }

  // Constant after construction.
  const NetworkShape shape_;
  const TrainingSettings settings_;
  const CudaEngineSettings cuda_;
  const std::uint32_t max_window_rows_;

  // Below, memory is of the compute stream: the streams go last, and nothing goes before they are quiet.
  const Stream copy_;
  const Stream compute_;
  LayerPlanner planner_;
  DeviceNetwork network_;  // borrows planner_
  std::vector<DeviceSlot> slots_;
  DeviceBuffer<std::uint64_t> keys_;   // [max_window_rows]
  DeviceBuffer<std::uint64_t> order_;  // [max_window_rows]
  DeviceBuffer<std::byte> sort_workspace_;
  std::vector<HostOutcome> outcomes_;
  HostState host_state_;
  std::vector<CapturedBatch> training_;  // by capacity, ascending
  std::vector<CapturedBatch> scoring_;
  const std::string description_;

  // Windows: from `stage` to `wait`.
  Stage stage_ = Stage::idle;  // of the newest
  std::size_t next_window_ = 0;
  std::deque<InFlight> in_flight_;

  std::optional<Event> origin_;
  std::vector<WindowTimes> timeline_;

  const Quiesced quiesced_{copy_, compute_};
};

}  // namespace

std::unique_ptr<CudaEngine> make_engine(const NetworkShape& shape, const TrainingSettings& settings,
                                        std::uint32_t max_window_rows, const CudaEngineSettings& cuda) {
  require(shape.widths.size() >= 2, "network shape: inputs and an output are needed");
  require(shape.widths.back() == 1, "network shape: the last width must be 1");
  require(std::find(shape.widths.begin(), shape.widths.end(), 0U) == shape.widths.end(),
          "network shape: a width is 0");
  require(settings.batch >= 1 && max_window_rows >= 1, "engine: batch and window are at least 1");
  MILLRACE_CUDA_CHECK(cudaSetDevice(cuda.device));
  return std::make_unique<Implementation>(shape, settings, max_window_rows, cuda);
}

}  // namespace millrace::cuda
