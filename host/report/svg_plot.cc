#include "report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "report/axis.h"
#include "report/figures.h"
#include "report/html_text.h"

namespace millrace {
namespace {

using Plot = Report::Plot;
using Series = Plot::Series;
using Mark = Plot::Mark;

constexpr std::size_t kColours = 6;     // classes c0 … c5 of the page's style
constexpr std::size_t kFewPoints = 40;  // a line of so few shows where they are

// The drawing's measures in pixels.
struct Frame {
  const char* css_class;
  double width, height;
  double left, right, top, bottom;  // margins around the area of the data
  int x_ticks, y_ticks;

  [[nodiscard]] double area_width() const { return width - left - right; }
  [[nodiscard]] double area_height() const { return height - top - bottom; }
};

constexpr Frame kWide = {"wide", 720, 320, 48, 58, 30, 46, 7, 5};
constexpr Frame kNarrow = {"narrow", 350, 260, 44, 48, 30, 46, 4, 4};

// A value of data, in few digits.
std::string short_figure(double value) {
  const double size = std::abs(value);
  if (size >= 1e15) return fmt::format("{:.3g}", value);
  if (size >= 1000) {
    return fmt::format("{}{}", value < 0 ? "-" : "", grouped(static_cast<std::uint64_t>(std::llround(size))));
  }
  if (size >= 100) return fmt::format("{:.0f}", value);
  if (size >= 1) return fmt::format("{:.2f}", value);
  if (size >= 0.01 || size == 0) return fmt::format("{:.3f}", value);
  return fmt::format("{:.2g}", value);
}

// What can be drawn of a series; the others are gaps.
bool can_draw(const Plot& plot, const std::pair<double, double>& point) {
  return is_drawable(point.first, false) && is_drawable(point.second, plot.log_y);
}

bool has_reference(const Plot& plot) { return plot.reference && is_drawable(*plot.reference, plot.log_y); }

// Dots take the colour of the line that comes after them.
std::vector<std::size_t> colours_of(const Plot& plot) {
  std::vector<std::size_t> colours;
  std::size_t next = 0;
  for (const Series& series : plot.series) {
    colours.push_back(next % kColours);
    if (series.mark == Mark::line) ++next;
  }
  return colours;
}

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();

  void take(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  [[nodiscard]] bool empty() const { return least > most; }
};

class Drawing {
 public:
  Drawing(const Plot& plot, const Frame& frame, std::size_t number)
      : plot_(plot), frame_(frame), number_(number) {
    Range x, y;
    for (const Series& series : plot.series) {
      for (const auto& point : series.points) {
        if (!can_draw(plot, point)) continue;
        x.take(point.first);
        y.take(point.second);
      }
    }
    empty_ = x.empty();
    if (empty_) {
      x = {0, 1};
      y = {plot.log_y ? 0.1 : 0, 1};
    }
    if (has_reference(plot)) y.take(*plot.reference);
    // A stretch that begins close to zero begins at zero.
    if (x.least > 0 && x.least < 0.25 * x.most) x.least = 0;
    x_ = exact_axis(x.least, x.most, frame.x_ticks);
    y_ = plot.log_y ? logarithmic_axis(y.least, y.most) : snapped_axis(y.least, y.most, frame.y_ticks);
  }

  std::string render() {
    begin();
    grid();
    if (has_reference(plot_)) reference();
    const std::vector<std::size_t> colours = colours_of(plot_);
    for (std::size_t i = 0; i < plot_.series.size(); ++i) {
      if (plot_.series[i].mark == Mark::dots) dots("dots", plot_.series[i], colours[i]);
    }
    for (std::size_t i = 0; i < plot_.series.size(); ++i) {
      if (plot_.series[i].mark == Mark::line) line(plot_.series[i], colours[i]);
    }
    end_labels(colours);
    if (empty_)
      text(frame_.left + frame_.area_width() / 2, frame_.top + frame_.area_height() / 2, "middle", "no data");
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  template <typename... Values>
  void put(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Values>(values)...);
  }

  [[nodiscard]] double x_of(double value) const {
    return frame_.left + x_.place(value) * frame_.area_width();
  }
  [[nodiscard]] double y_of(double value) const {
    return frame_.top + (1 - y_.place(value)) * frame_.area_height();
  }

  void text(double x, double y, const char* anchor, std::string_view words) {
    put("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, escaped(words));
  }

  void begin() {
    put("<svg class=\"{0}\" viewBox=\"0 0 {1} {2}\" role=\"img\" aria-labelledby=\"f{3}{0}t f{3}{0}d\">\n",
        frame_.css_class, frame_.width, frame_.height, number_);
    put("<title id=\"f{0}{1}t\">{2}</title>\n<desc id=\"f{0}{1}d\">{3}</desc>\n", number_, frame_.css_class,
        escaped(plot_.title), escaped(description()));
  }

  [[nodiscard]] std::string description() const {
    std::string words = fmt::format("{} against {}.", plot_.y_label, plot_.x_label);
    for (const Series& series : plot_.series) {
      std::vector<std::pair<double, double>> drawn;
      std::ranges::copy_if(series.points, std::back_inserter(drawn),
                           [&](const auto& p) { return can_draw(plot_, p); });
      if (drawn.empty()) {
        words += fmt::format(" {}: no data.", series.name);
      } else {
        words +=
            fmt::format(" {}: from {} at {} to {} at {}, {} points.", series.name,
                        short_figure(drawn.front().second), short_figure(drawn.front().first),
                        short_figure(drawn.back().second), short_figure(drawn.back().first), drawn.size());
      }
    }
    if (has_reference(plot_))
      words += fmt::format(" {}: {}.", plot_.reference_name, short_figure(*plot_.reference));
    return words;
  }

  void grid() {
    const double right = frame_.width - frame_.right;
    const double bottom = frame_.height - frame_.bottom;
    for (const AxisTick& tick : y_.ticks) {
      const double y = y_of(tick.value);
      put("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", frame_.left, y, right);
      text(frame_.left - 8, y + 4, "end", tick.label);
    }
    put("<path class=\"axis\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", frame_.left, bottom, right);
    for (const AxisTick& tick : x_.ticks) {
      const double x = x_of(tick.value);
      put("<path class=\"axis\" d=\"M{:.1f} {:.1f}v5\"/>", x, bottom);
      text(x, bottom + 19, "middle", tick.label);
    }
    text(0, 13, "start", plot_.y_label);
    text(right, frame_.height - 5, "end", plot_.x_label);
  }

  void reference() {
    put("<path class=\"reference\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", frame_.left, y_of(*plot_.reference),
        frame_.width - frame_.right);
  }

  void dots(const char* css_class, const Series& series, std::size_t colour) {
    put("<path class=\"{} c{}\" d=\"", css_class, colour);
    for (const auto& point : series.points) {
      if (can_draw(plot_, point)) put("M{:.1f} {:.1f}h0", x_of(point.first), y_of(point.second));
    }
    put("\"/>\n");
  }

  void line(const Series& series, std::size_t colour) {
    put("<path class=\"line c{}\" d=\"", colour);
    bool pen_down = false;
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      const auto& point = series.points[i];
      if (!can_draw(plot_, point)) {
        pen_down = false;
        continue;
      }
      put("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', x_of(point.first), y_of(point.second));
      const bool alone =
          !pen_down && (i + 1 == series.points.size() || !can_draw(plot_, series.points[i + 1]));
      if (alone) put("h0");  // a point between gaps is a dot
      pen_down = true;
    }
    put("\"/>\n");
    if (series.points.size() <= kFewPoints) dots("marks", series, colour);
  }

  struct EndLabel {
    std::string words;
    std::string css_class;
    double x, y;        // of the point
    double text_y = 0;  // after they were moved apart
  };

  // The value at the end of each line, beside it, in its colour.
  void end_labels(const std::vector<std::size_t>& colours) {
    std::vector<EndLabel> labels;
    for (std::size_t i = 0; i < plot_.series.size(); ++i) {
      const Series& series = plot_.series[i];
      const auto last = std::find_if(series.points.rbegin(), series.points.rend(),
                                     [&](const auto& point) { return can_draw(plot_, point); });
      if (series.mark != Mark::line || last == series.points.rend()) continue;
      labels.push_back({short_figure(last->second), fmt::format("c{}", colours[i]), x_of(last->first),
                        y_of(last->second)});
    }
    for (const EndLabel& label : labels) {
      put("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>\n", label.css_class, label.x, label.y);
    }
    if (has_reference(plot_)) {
      labels.push_back({short_figure(*plot_.reference), "quiet", 0, y_of(*plot_.reference)});
    }
    move_apart(labels);
    for (const EndLabel& label : labels) {
      put("<text class=\"end {}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", label.css_class,
          frame_.width - frame_.right + 9, label.text_y + 4, label.words);
    }
  }

  // From the top down no label is nearer to the one above than a line of text; what falls off the bottom
  // pushes back.
  void move_apart(std::vector<EndLabel>& labels) const {
    constexpr double kLine = 15;
    std::ranges::stable_sort(labels, {}, &EndLabel::y);
    double above = -std::numeric_limits<double>::infinity();
    for (EndLabel& label : labels) above = label.text_y = std::max(label.y, above + kLine);
    double below = frame_.height - frame_.bottom + kLine;
    for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
      below = label->text_y = std::min(label->text_y, below - kLine);
    }
  }

  const Plot& plot_;
  const Frame& frame_;
  const std::size_t number_;
  bool empty_ = false;
  Axis x_, y_;
  std::string out_;
};

std::string legend_of(const Plot& plot) {
  if (plot.series.size() + (has_reference(plot) ? 1 : 0) < 2) return {};
  const std::vector<std::size_t> colours = colours_of(plot);
  std::string legend = "<ul class=\"legend\">\n";
  const auto entry = [&](const std::string& css_class, const char* path, const std::string& name) {
    legend += fmt::format(
        "<li><svg class=\"swatch\" viewBox=\"0 0 22 10\" aria-hidden=\"true\"><path class=\"{}\" "
        "d=\"{}\"/></svg>"
        "{}</li>\n",
        css_class, path, escaped(name));
  };
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const bool is_line = plot.series[i].mark == Mark::line;
    entry(fmt::format("{} c{}", is_line ? "line" : "dots", colours[i]),
          is_line ? "M1 5H21" : "M4 7h0M11 3h0M18 6h0", plot.series[i].name);
  }
  if (has_reference(plot)) entry("reference", "M1 5H21", plot.reference_name);
  return legend + "</ul>\n";
}

}  // namespace

std::string render_figure(const Report::Plot& plot, std::size_t number) {
  return fmt::format("<figure>\n<figcaption>{}</figcaption>\n{}{}{}</figure>\n", escaped(plot.title),
                     legend_of(plot), Drawing(plot, kWide, number).render(),
                     Drawing(plot, kNarrow, number).render());
}

}  // namespace millrace
