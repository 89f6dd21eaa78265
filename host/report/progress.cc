#include "report/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <functional>
#include <iterator>
#include <numeric>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vector>

#include "report/figures.h"
#include "report/log_line.h"

namespace millrace {
namespace {

constexpr double kSecondsBetweenDraws = 0.1;
constexpr double kSecondsBetweenLines = 2.0;
constexpr std::size_t kUsualColumns = 80;

constexpr std::string_view kClearLine = "\r\x1b[K";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kPlain = "\x1b[0m";

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

bool is_terminal(std::FILE* stream) {
  return ::isatty(::fileno(stream)) == 1 && environment("TERM") != "dumb";
}

std::size_t columns_of(std::FILE* stream) {
  winsize size{};
  const bool known = ::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

// One figure of the line with its word before or after it.
struct Field {
  std::string_view before;
  std::string figure;
  std::string_view after;
  std::size_t
      least_width;  // of the figure: what a usual run comes to, so that it stands still from the start
  int importance;   // where the line is too long, the highest has its room first
  bool alarming = false;
};

// "12/85": the median and the 99th percentile.
std::string latency(const ProgressSample& sample) {
  if (!sample.latency_p50_ms || !sample.latency_p99_ms) return {};
  return fmt::format("{:.0f}/{:.0f}", *sample.latency_p50_ms, *sample.latency_p99_ms);
}

// To the second: an estimate is no better.
std::string estimate(const std::optional<double>& seconds) {
  constexpr double kMinute = 60;
  if (!seconds || !std::isfinite(*seconds)) return "-";
  const double whole = std::ceil(*seconds);
  return whole < kMinute ? fmt::format("{:.0f} s", whole) : duration(whole);
}

std::vector<Field> fields_of(const ProgressSample& sample) {
  const auto rate = std::isfinite(sample.rows_per_s) && sample.rows_per_s > 0 ? sample.rows_per_s : 0.0;
  const auto whole_rate = static_cast<std::uint64_t>(std::min(std::round(rate), 1e15));
  std::vector<Field> fields = {
      {"", grouped(sample.rows), " rows", 9, 6},
      {"", grouped(whole_rate), " rows/s", 7, 9},
      {"loss ", metric(sample.loss, 4), "", 6, 5},
      {"accuracy ", metric(sample.accuracy, 3), "", 5, 3},
      {"AUC ", metric(sample.auc, 3), "", 5, 2},
      {"latency ", latency(sample), " ms", 1, 10},
      {"lag ", sample.lag ? grouped(*sample.lag) : "", "", 1, 8},
      {"ETA ", sample.has_end ? estimate(sample.seconds_left) : "", "", 4, 7},
      {"", sample.bad_records > 0 ? grouped(sample.bad_records) : "", " bad", 1, 4, true},
      {"", sample.windows > 0 ? grouped(sample.windows) : "", sample.windows == 1 ? " window " : " windows",
       3, 1},
  };
  // Who predicts has no labels.
  if (sample.latency_p50_ms) {
    for (const std::string_view word : {"loss ", "accuracy ", "AUC "})
      std::ranges::find(fields, word, &Field::before)->figure.clear();
  }
  return fields;
}

}  // namespace

Progress::Progress(bool quiet, std::FILE* stream, LogFormat format)
    : quiet_(quiet),
      format_(format),
      terminal_(format == LogFormat::text && is_terminal(stream)),
      colour_(terminal_ && environment("NO_COLOR").empty()),
      stream_(stream) {}

Progress::~Progress() {
  const std::lock_guard lock(mutex_);
  if (line_is_open_) write("\n");
}

void Progress::update(const ProgressSample& sample) {
  const std::lock_guard lock(mutex_);
  if (quiet_) return;
  const double pause = terminal_ ? kSecondsBetweenDraws : kSecondsBetweenLines;
  if (shown_at_ && sample.seconds >= *shown_at_ && sample.seconds < *shown_at_ + pause) return;
  shown_at_ = sample.seconds;
  if (format_ == LogFormat::json) {
    write(progress_line(unix_milliseconds(), "progress", sample) + "\n");
    return;
  }
  const std::string line = compose(sample, terminal_ ? columns_of(stream_) : std::string::npos);
  if (line == shown_ && !terminal_) return;
  shown_ = line;
  line_is_open_ = terminal_;
  write(terminal_ ? fmt::format("{}{}", kClearLine, shown_) : shown_ + "\n");
}

void Progress::finish(const ProgressSample& sample) {
  const std::lock_guard lock(mutex_);
  if (quiet_) return;
  if (format_ == LogFormat::json) {
    write(progress_line(unix_milliseconds(), "end", sample) + "\n");
    return;
  }
  const std::string line = compose(sample, terminal_ ? columns_of(stream_) : std::string::npos);
  const bool stands_already = !terminal_ && line == shown_;
  if (!stands_already) write(fmt::format("{}{}\n", terminal_ ? kClearLine : "", line));
  shown_ = line;
  shown_at_ = sample.seconds;
  line_is_open_ = false;
}

void Progress::note(std::string_view line) {
  say(format_ == LogFormat::json ? note_line(unix_milliseconds(), line) : std::string(line));
}

void Progress::warn(std::string_view line) {
  say(format_ == LogFormat::json ? warning_line(unix_milliseconds(), line) : std::string(line));
}

void Progress::say(std::string_view line) {
  std::string text(line);
  // What a broker or a file says must not move the cursor.
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, '?');
  const std::lock_guard lock(mutex_);
  if (line_is_open_) {
    write(fmt::format("{}{}\n{}", kClearLine, text, shown_));
  } else {
    write(text + "\n");
  }
}

std::string Progress::compose(const ProgressSample& sample, std::size_t columns) {
  constexpr std::size_t kIndent = 2;
  constexpr std::size_t kGap = 2;
  std::vector<Field> fields = fields_of(sample);
  field_widths_.resize(fields.size());
  std::vector<std::size_t> by_importance(fields.size());
  std::iota(by_importance.begin(), by_importance.end(), 0);
  std::ranges::sort(by_importance, std::greater{}, [&](std::size_t i) { return fields[i].importance; });
  std::size_t length = kIndent;
  std::vector<bool> has_room(fields.size());
  for (const std::size_t i : by_importance) {
    const Field& field = fields[i];
    if (field.figure.empty()) continue;
    field_widths_[i] = std::max({field_widths_[i], field.least_width, field.figure.size()});
    const std::size_t gap = length > kIndent ? kGap : 0;
    const std::size_t with_it = length + gap + field.before.size() + field_widths_[i] + field.after.size();
    // The last column stays empty: some terminals wrap as soon as it is written.
    has_room[i] = with_it < columns;
    if (has_room[i]) length = with_it;
  }

  std::string line(kIndent, ' ');
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!has_room[i]) continue;
    const Field& field = fields[i];
    if (line.size() > kIndent) line.append(kGap, ' ');
    const std::string_view word = field.alarming ? kYellow : kDim;
    const auto coloured = [&](std::string_view text, std::string_view colour) {
      return colour_ && !text.empty() ? fmt::format("{}{}{}", colour, text, kPlain) : std::string(text);
    };
    const std::string figure = fmt::format("{:>{}}", field.figure, field_widths_[i]);
    line += coloured(field.before, word) + (field.alarming ? coloured(figure, kYellow) : figure) +
            coloured(field.after, word);
  }
  return line.size() > kIndent ? line : std::string();
}

void Progress::write(const std::string& text) noexcept {
  // A terminal that is gone takes nothing, and that is no reason to stop.
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stream_));
  static_cast<void>(std::fflush(stream_));
}

}  // namespace millrace
