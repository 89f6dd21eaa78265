// Where the log goes: warnings and worse, as lines on stderr, never on stdout, which belongs to results.
//
// The log is spdlog's default logger. It changes hands only while no other thread logs: before the first
// client is made, and after the last one is closed.
#pragma once

#include "report/progress.h"

namespace millrace {

// For the whole program, until something better is there.
void log_to_stderr();

// As long as this lives, log lines stand above the live line of progress and do not break it.
class LogAboveProgress {
 public:
  explicit LogAboveProgress(Progress& progress);
  LogAboveProgress(const LogAboveProgress&) = delete;
  LogAboveProgress& operator=(const LogAboveProgress&) = delete;
  ~LogAboveProgress();
};

}  // namespace millrace
