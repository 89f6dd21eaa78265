// SIGINT and SIGTERM as a request to stop.
//
// The first signal asks: training ends after the window in hand, a checkpoint is written, offsets are
// committed. A second SIGINT ends the process at once, and so does a stop that takes longer than its deadline
// (a broker that answers no more can hold a client for minutes); both are safe, because a checkpoint is
// written atomically. Make one of these before any other thread, in main's thread; it handles signals until
// it is destroyed.
#pragma once

#include <atomic>
#include <chrono>
#include <stop_token>
#include <string_view>
#include <thread>

#include "millrace/errors.h"

namespace millrace {

// What a process says that ends before it has finished; as it is where it trains.
struct StopSentences {
  std::string_view idle = "Stopped before it had begun; nothing was trained, and nothing is lost.";
  std::string_view late =
      "Stopping took longer than its deadline; the newest checkpoint is complete, start again with "
      "the same command.";
  ExitCode late_code = ExitCode::unexpected;
};

class StopSignals {
 public:
  // Where the deadline passes, `late` is said, and the process ends with `late_code`. The sentences must
  // outlive this object.
  explicit StopSignals(std::chrono::milliseconds deadline, const StopSentences& sentences = {});
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

  // While true, a stop that is not obeyed at once ends the process with exit code 0: there is nothing to
  // finish, and what it waits for (a broker that nobody can reach) may hold it for long. Then `idle` is said.
  // Any thread.
  void set_idle(bool idle) { idle_ = idle; }

 private:
  using Clock = std::chrono::steady_clock;

  void watch();
  void end_if_due(Clock::time_point asked_at) const;

  const std::chrono::milliseconds deadline_;
  const StopSentences sentences_;
  std::atomic<bool> idle_ = false;
  std::stop_source source_;
  int events_ = -1;  // signalfd: read by the watcher only
  int finish_ = -1;  // eventfd: written by the destructor
  std::thread watcher_;
};

}  // namespace millrace
