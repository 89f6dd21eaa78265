// What turns staged windows into weight updates. Exactly two implementations: CPU (host/engine) and CUDA
// (cuda).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "millrace/model.h"
#include "millrace/window.h"

namespace millrace {

// What the matrix products multiply. Sums, weights and moments are float32 in all of them.
enum class MathMode : std::uint8_t {
  fp32,  // float32
  tf32,  // float32 rounded to 10 bits of mantissa (NVIDIA's TensorFloat-32)
  bf16,  // bfloat16: activations, their gradients and a copy of the weights
};

// Adam, Kingma and Ba (2015), in the form of Keras: the step size takes the bias correction
// (α_t = α·sqrt(1 − β2^t) / (1 − β1^t), with β rounded to float32 there and nowhere else, as Keras has it in
// any precision) and ε is added to sqrt(v), the paper's ε-hat.
struct TrainingSettings {
  std::uint32_t epochs = 3;     // passes over each window
  std::uint32_t batch = 32;     // rows per optimizer update
  double learning_rate = 1e-3;  // double, because 1 - 0.999F is 1e-5 away from 1 - 0.999
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
  std::uint64_t seed = 1;    // of the shuffle and of the first weights
  bool standardize = false;  // scale features by their running moments
  MathMode math = MathMode::fp32;

  bool operator==(const TrainingSettings&) const = default;
};

// What became of one window. Sums, so that windows add up.
struct WindowOutcome {
  std::uint64_t window = 0;
  std::uint32_t rows = 0;
  // Prequential: by the weights before the window was trained.
  double loss_sum = 0;            // binary cross-entropy, nats
  std::uint64_t correct = 0;      // (p >= 0.5) == (label >= 0.5)
  std::span<const float> logits;  // [rows] in the window's order; valid until the next wait()
  std::span<const float> labels;  // [rows] likewise
  // Training, all epochs together; zero if the window was only scored.
  double training_loss_sum = 0;
  std::uint64_t trained_rows = 0;           // rows × epochs, less those of skipped steps
  std::uint64_t steps = 0;                  // updates made
  std::uint64_t skipped_steps = 0;          // updates dropped because loss or gradient was not finite
  std::uint64_t most_skipped_in_a_row = 0;  // of these, with those right before the window
};

// Host memory that the engine can stage from (pinned, where there is a GPU), aligned to 64 bytes.
struct HostBufferDeleter {
  void (*release)(void* memory, std::size_t bytes) = nullptr;
  std::size_t bytes = 0;
  void operator()(std::byte* memory) const noexcept { release(memory, bytes); }
};
using HostBuffer = std::unique_ptr<std::byte[], HostBufferDeleter>;

// Windows go through in the order stage, score, [train], wait; several may be in flight, first in first out.
//
//   engine.stage(w0); engine.score(); engine.train();
//   engine.stage(w1); engine.score(); engine.train();   // its copy overlaps w0's training
//   engine.wait();                                       // w0's outcome: its slot may be filled again
//
// Invariants: (1) the memory behind a WindowView stays untouched from stage to the matching wait; (2) rows
// are shuffled by Philox keyed by (seed, window, epoch) (philox.h), the same on every engine; (3) the same
// windows from the same state give the same bits; (4) a non-finite loss or gradient never reaches the state;
// (5) scoring uses the weights and the standardizer from before the window; training uses the standardizer
// with the window taken in; (6) a missing value (NaN) counts as its feature's running mean.
// One thread calls everything. Errors: DeviceError.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  [[nodiscard]] virtual HostBuffer allocate_host(std::size_t bytes) = 0;

  // How many windows may be staged and not yet waited for.
  [[nodiscard]] virtual std::size_t windows_in_flight() const = 0;

  virtual void stage(const WindowView& window) = 0;
  virtual void score() = 0;
  virtual void train() = 0;
  virtual WindowOutcome wait() = 0;

  // Only when no window is in flight.
  [[nodiscard]] virtual ModelState snapshot() const = 0;
  virtual void restore(const ModelState& state) = 0;

  // "cpu" or "cuda", as --engine says it.
  [[nodiscard]] virtual std::string_view name() const = 0;
  // What the engine chose among equals (algorithms of matrix products) and needs again for the same bits, as
  // text without line breaks. Empty: nothing was chosen.
  [[nodiscard]] virtual std::string choices() const { return {}; }
  // One line for people: "cpu, avx512, 1 thread".
  [[nodiscard]] virtual std::string description() const = 0;
};

}  // namespace millrace
