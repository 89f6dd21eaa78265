#include <cstddef>
#include <cstring>

#include "cuda/engine/test_device.h"

namespace millrace::test {
namespace {

// Where the next array begins.
std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

StagedWindow::StagedWindow(Engine& engine, const WindowView& window) {
  memory_ =
      engine.allocate_host(aligned(std::size_t{window.slot_rows} * window.features * sizeof(float)) +
                           aligned(window.slot_rows * sizeof(float)) + window.rows * sizeof(std::uint32_t));
  refill(window);
}

void StagedWindow::refill(const WindowView& window) {
  const std::size_t values = std::size_t{window.slot_rows} * window.features * sizeof(float);
  const std::size_t labels = window.slot_rows * sizeof(float);
  view_ = window;
  std::byte* at = memory_.get();
  std::memcpy(at, window.values, values);
  view_.values = reinterpret_cast<const float*>(at);
  at += aligned(values);
  std::memcpy(at, window.labels, labels);
  view_.labels = reinterpret_cast<const float*>(at);
  at += aligned(labels);
  std::memcpy(at, window.row_index, window.rows * sizeof(std::uint32_t));
  view_.row_index = reinterpret_cast<const std::uint32_t*>(at);
}

WindowOutcome run_window(Engine& engine, const WindowView& window) {
  const StagedWindow staged(engine, window);
  engine.stage(staged.view());
  engine.score();
  engine.train();
  return engine.wait();
}

}  // namespace millrace::test
