// SIGINT and SIGTERM as a request to stop.
//
// The first signal asks: training ends after the window in hand, a checkpoint is written, offsets are
// committed. A second SIGINT ends the process at once, and so does a stop that takes longer than its deadline
// (a broker that answers no more can hold a client for minutes); both are safe, because a checkpoint is
// written atomically. Make one of these before any other thread, in main's thread; it handles signals until
// it is destroyed.
#pragma once

#include <chrono>
#include <stop_token>
#include <thread>

namespace millrace {

class StopSignals {
 public:
  explicit StopSignals(std::chrono::milliseconds deadline);
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  void watch();

  const std::chrono::milliseconds deadline_;
  std::stop_source source_;
  int events_ = -1;  // signalfd: read by the watcher only
  int finish_ = -1;  // eventfd: written by the destructor
  std::thread watcher_;
};

}  // namespace millrace
