// Progress of a run: for people one live line on a terminal, plain lines elsewhere; for programs JSON lines
// (report/log_line.h), on whatever it is.
//
// Any thread may call anything. Never throws, and never stops a run because a terminal went away.
//
// Invariants: (1) the live line never wraps: what matters most has its room first, and what does not fit is
// left out; (2) numbers stand right-aligned in fields that only grow, so nothing jumps; (3) whatever is on
// the line was in the latest sample; (4) when this object is gone, the next text begins on a fresh line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct ProgressSample {
  double seconds = 0;  // since the run began; this is the clock that lines are throttled by
  std::uint64_t rows = 0;
  std::uint64_t windows = 0;
  std::uint64_t steps = 0;
  std::uint64_t bad_records = 0;
  double rows_per_s = 0;  // now; at the end, of the whole run
  std::optional<double> loss;
  std::optional<double> accuracy;
  std::optional<double> auc;
  std::optional<double> latency_p50_ms, latency_p99_ms;  // of predictions
  std::optional<std::uint64_t> lag;                      // records in the log that are not trained yet
  bool has_end = false;                // the run ends by itself, and how much is left can be counted
  std::optional<double> seconds_left;  // until then; null while nobody can tell
};

enum class LogFormat { text, json };

class Progress {
 public:
  // Quiet: no progress; notes are still written. A terminal is what isatty says it is, unless TERM is `dumb`;
  // NO_COLOR (any value but an empty one) turns colours off.
  explicit Progress(bool quiet, std::FILE* stream = stderr, LogFormat format = LogFormat::text);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // Shows the sample unless the one before is too young: at most ten a second on a terminal, one line every
  // two seconds elsewhere, and none there that says what the one before says.
  void update(const ProgressSample& sample);

  // Shows the sample and leaves it standing.
  void finish(const ProgressSample& sample);

  // A line of its own, above the live one. Control characters in it are replaced.
  void note(std::string_view line);
  // The same, where programs should take more notice.
  void warn(std::string_view line);

 private:
  [[nodiscard]] std::string compose(const ProgressSample& sample, std::size_t columns);
  void say(std::string_view line);
  void write(const std::string& text) noexcept;

  const bool quiet_;
  const LogFormat format_;
  const bool terminal_;
  const bool colour_;
  std::FILE* const stream_;

  std::mutex mutex_;  // guards all below
  std::optional<double> shown_at_;
  std::string shown_;          // the text of the latest line
  bool line_is_open_ = false;  // the live line stands on the terminal, without a newline
  std::vector<std::size_t> field_widths_;
};

}  // namespace millrace
