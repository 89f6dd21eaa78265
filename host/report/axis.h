// The axis of a plot: its range and the round numbers on it.
//
// Plain values; any thread. Heckbert (1990), "Nice numbers for graph labels", Graphics Gems: steps are 1, 2
// or 5 times a power of ten.
#pragma once

#include <string>
#include <vector>

namespace millrace {

struct AxisTick {
  double value = 0;
  std::string label;
};

// Invariants: (1) begin < end, both finite; (2) ticks ascend, lie within [begin, end], and their labels
// differ.
struct Axis {
  double begin = 0;
  double end = 1;
  bool logarithmic = false;
  std::vector<AxisTick> ticks;

  // Where a value of the range stands: 0 at begin, 1 at end.
  [[nodiscard]] double place(double value) const;
};

// What a value must be to be drawn at all; beyond, differences would overflow.
[[nodiscard]] bool is_drawable(double value, bool logarithmic);

// All of these take drawable values with least <= most, and give about `ticks` ticks (2 to 2 × ticks + 1).
[[nodiscard]] Axis snapped_axis(double least, double most, int ticks);  // begins and ends at a tick
[[nodiscard]] Axis exact_axis(double least, double most, int ticks);    // begins and ends with the data
[[nodiscard]] Axis logarithmic_axis(double least, double most);  // ticks at 1, or at 1, 2 and 5, per decade

}  // namespace millrace
