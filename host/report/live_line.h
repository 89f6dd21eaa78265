// The line of progress of a run that reads windows. A thread of its own keeps it true while none comes: then
// the rate falls, and the time left is not told any more.
//
// One thread uses it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "report/pace.h"
#include "report/progress.h"

namespace millrace {

class LiveLine {
 public:
  explicit LiveLine(Progress& progress);
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  // How things stand after a window; the rate and the end are told by this object. `left`: what is to be
  // read until the run ends by itself.
  void take(const ProgressSample& sample, std::optional<std::uint64_t> left);

  // The last line, with the rate of the whole run; none where no window came. Call it once.
  void finish(ProgressSample sample);

 private:
  using Clock = std::chrono::steady_clock;

  void keep_true(const std::stop_token& stop);
  // With mutex_ held.
  void show(double seconds);

  Progress& progress_;

  std::mutex mutex_;  // guards these
  std::optional<ProgressSample> newest_;
  Clock::time_point newest_at_;
  Pace pace_;

  std::condition_variable_any stopped_;
  std::jthread keeper_;  // last: it uses all of the above
};

}  // namespace millrace
