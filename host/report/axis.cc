#include "report/axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

namespace millrace {
namespace {

constexpr double kMostDrawable = 1e300;
constexpr double kLeastDrawableLogarithm = 1e-300;

struct Step {
  double size;
  int exponent;  // of ten: the place of the digit that changes from tick to tick
};

// The smallest round step that is at least `raw`.
Step round_step(double raw) {
  int exponent = static_cast<int>(std::floor(std::log10(raw)));
  const double power = std::pow(10.0, exponent);
  for (const double factor : {1.0, 2.0, 5.0}) {
    // A hair below counts, so that 0.1 is not taken for 0.2 because of its last bit.
    if (factor * power >= raw * (1 - 1e-9)) return {factor * power, exponent};
  }
  ++exponent;
  return {std::pow(10.0, exponent), exponent};
}

// A range of no width has no ticks: give it some.
void widen(double& least, double& most) {
  const double size = std::max(std::abs(least), std::abs(most));
  if (most - least > size * 1e-9) return;
  const double margin = size == 0 ? 1 : size * 0.1;
  least -= margin;
  most += margin;
}

std::string label_of(double value, double largest, int exponent) {
  if (value == 0) return "0";
  struct Unit {
    double size;
    int exponent;
    const char* name;
  };
  static constexpr std::array<Unit, 3> kUnits = {{{1e9, 9, " G"}, {1e6, 6, " M"}, {1e4, 3, " k"}}};
  constexpr double kMostWithUnit = 1e12;
  constexpr double kLeastPlain = 1e-4;
  if (largest >= kMostWithUnit || largest < kLeastPlain) {
    const int digits = std::max(0, static_cast<int>(std::floor(std::log10(std::abs(value)))) - exponent);
    return fmt::format("{:.{}e}", value, std::min(digits, 15));
  }
  for (const Unit& unit : kUnits) {
    if (largest < unit.size) continue;
    return fmt::format("{:.{}f}{}", value / std::pow(10.0, unit.exponent),
                       std::max(0, unit.exponent - exponent), unit.name);
  }
  return fmt::format("{:.{}f}", value, std::max(0, -exponent));
}

// Multiples of the step from begin to end, edges included.
std::vector<AxisTick> ticks_between(double begin, double end, const Step& step) {
  constexpr double kSlack = 1e-6;
  const double largest = std::max(std::abs(begin), std::abs(end));
  std::vector<AxisTick> ticks;
  const double last = std::floor(end / step.size + kSlack);
  for (double multiple = std::ceil(begin / step.size - kSlack); multiple <= last; ++multiple) {
    const double value = multiple * step.size;
    ticks.push_back({std::clamp(value, begin, end), label_of(value, largest, step.exponent)});
  }
  return ticks;
}

}  // namespace

double Axis::place(double value) const {
  if (logarithmic) return std::log(value / begin) / std::log(end / begin);
  return (value - begin) / (end - begin);
}

bool is_drawable(double value, bool logarithmic) {
  return std::isfinite(value) && std::abs(value) <= kMostDrawable &&
         (!logarithmic || value >= kLeastDrawableLogarithm);
}

Axis snapped_axis(double least, double most, int ticks) {
  widen(least, most);
  const Step step = round_step((most - least) / ticks);
  constexpr double kSlack = 1e-6;
  const double begin = std::floor(least / step.size + kSlack) * step.size;
  const double end = std::ceil(most / step.size - kSlack) * step.size;
  return {begin, end, false, ticks_between(begin, end, step)};
}

Axis exact_axis(double least, double most, int ticks) {
  widen(least, most);
  // Coarser until two ticks are left at least; a range always holds two multiples of a fifth of its width.
  for (int count = ticks;; ++count) {
    Axis axis{least, most, false, ticks_between(least, most, round_step((most - least) / count))};
    if (axis.ticks.size() >= 2 || count > 2 * ticks) return axis;
  }
}

Axis logarithmic_axis(double least, double most) {
  constexpr int kFewDecades = 2;  // up to here, ticks at 2 and 5 too
  int first = static_cast<int>(std::floor(std::log10(least) + 1e-9));
  int last = static_cast<int>(std::ceil(std::log10(most) - 1e-9));
  if (last <= first) last = first + 1;
  const bool few = last - first <= kFewDecades;
  Axis axis{std::pow(10.0, first), std::pow(10.0, last), true, {}};
  if (few) {
    // Trim to the data in steps of 1, 2, 5.
    for (const double factor : {2.0, 5.0}) {
      if (factor * std::pow(10.0, first) <= least) axis.begin = factor * std::pow(10.0, first);
    }
    for (const double factor : {0.5, 0.2}) {
      if (factor * std::pow(10.0, last) >= most && factor * std::pow(10.0, last) > axis.begin) {
        axis.end = factor * std::pow(10.0, last);
      }
    }
  }
  constexpr int kMostLabelledDecades = 7;
  const int every = (last - first + kMostLabelledDecades - 1) / kMostLabelledDecades;
  for (int decade = first; decade <= last; decade += few ? 1 : every) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor > 1 && !few) break;
      const double value = factor * std::pow(10.0, decade);
      if (value < axis.begin * (1 - 1e-9) || value > axis.end * (1 + 1e-9)) continue;
      axis.ticks.push_back({std::clamp(value, axis.begin, axis.end), decade >= -4 && decade <= 3
                                                                         ? fmt::format("{:g}", value)
                                                                         : fmt::format("{:.0e}", value)});
    }
  }
  return axis;
}

}  // namespace millrace
