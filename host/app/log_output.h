// Where the log goes: warnings and worse, as lines on stderr, never on stdout, which belongs to results.
//
// The log is spdlog's default logger. It changes hands only while no other thread logs: before the first
// client is made, and after the last one is closed.
#pragma once

#include <functional>
#include <memory>
#include <spdlog/fwd.h>
#include <string>
#include <string_view>

#include "millrace/errors.h"

#include "report/progress.h"

namespace millrace {

// For the whole program, until something better is there.
void log_to_stderr(LogFormat format = LogFormat::text);

// What --log-format says.
[[nodiscard]] LogFormat log_format_of(std::string_view word);

// The last line that a program says, with its newline, in the format of the last log_to_stderr: that it
// failed, or, where the code is `done`, why it ends. Any thread.
[[nodiscard]] std::string last_line(std::string_view sentence, ExitCode code);

// As long as this lives, log lines stand above the live line of progress and do not break it.
class LogAboveProgress {
 public:
  explicit LogAboveProgress(Progress& progress);
  LogAboveProgress(const LogAboveProgress&) = delete;
  LogAboveProgress& operator=(const LogAboveProgress&) = delete;
  ~LogAboveProgress();
};

// As long as this lives, every line of the log is told to a listener as well, on whatever thread logs.
class LogTap {
 public:
  explicit LogTap(std::function<void(std::string_view)> listener);
  LogTap(const LogTap&) = delete;
  LogTap& operator=(const LogTap&) = delete;
  ~LogTap();

 private:
  std::shared_ptr<spdlog::sinks::sink> sink_;
};

}  // namespace millrace
