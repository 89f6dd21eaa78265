// Whose turn it is to give rows to a window, and how many.
//
// A window is filled in turns of ⌈window_rows / partitions⌉ rows, in the order of the partitions, each window
// starting anew with the first. A partition keeps its turn until it is complete or passed over; after the
// last partition the turns go round again until the window is full. When every partition in a row was passed
// over, nobody has anything to give.
//
// Partitions are counted in the order of their turns; a plan is made anew when one is added, between windows.
// Knows neither threads nor time. Owned by the assembling thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace millrace {

class TurnPlan {
 public:
  // At least one row and one partition.
  TurnPlan(std::uint32_t window_rows, std::size_t partitions)
      : window_rows_(window_rows),
        partitions_(partitions),
        turn_rows_(static_cast<std::uint32_t>((window_rows + partitions - 1) / partitions)) {
    begin_window();
  }

  void begin_window() noexcept {
    window_left_ = window_rows_;
    partition_ = partitions_ - 1;
    next_turn();
    passed_ = 0;
  }

  [[nodiscard]] bool full() const noexcept { return window_left_ == 0; }
  [[nodiscard]] bool empty() const noexcept { return window_left_ == window_rows_; }

  // Whose turn it is, and how many rows it may still give: at least 1 unless the window is full.
  [[nodiscard]] std::size_t partition() const noexcept { return partition_; }
  [[nodiscard]] std::uint32_t grant() const noexcept { return std::min(turn_left_, window_left_); }

  // The partition gave `rows` of what it may.
  void took(std::uint32_t rows) noexcept {
    turn_left_ -= rows;
    window_left_ -= rows;
    passed_ = 0;
    if (turn_left_ == 0) next_turn();
  }

  // The partition has nothing to give: the next one's turn begins.
  void pass() noexcept {
    ++passed_;
    next_turn();
  }

  // Every partition was passed over since the last row, or since listen_again().
  [[nodiscard]] bool all_passed() const noexcept { return passed_ >= partitions_; }
  void listen_again() noexcept { passed_ = 0; }

 private:
  void next_turn() noexcept {
    partition_ = partition_ + 1 == partitions_ ? 0 : partition_ + 1;
    turn_left_ = turn_rows_;
  }

  // Constant after construction.
  std::uint32_t window_rows_;
  std::size_t partitions_;
  std::uint32_t turn_rows_;

  std::uint32_t window_left_ = 0;
  std::uint32_t turn_left_ = 0;
  std::size_t partition_ = 0;
  std::size_t passed_ = 0;  // in a row
};

}  // namespace millrace
