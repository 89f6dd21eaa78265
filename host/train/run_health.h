// Whether a run is alive, and whether it can make progress: what /healthz and /readyz say.
//
// Alive means that the training loop moves: a window or a checkpoint that takes far longer than any before it
// is stuck. Waiting for records may take for ever. Ready means that nothing but a lack of records keeps the
// run from learning. Any thread may call anything.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "kafka/broker_answers.h"
#include "train/run_activity.h"

namespace millrace {

class RunHealth {
 public:
  using Clock = std::chrono::steady_clock;

  // Answers that stay away this long make a run unready: longer than an election of leaders usually takes to
  // be noticed, short enough for an operator to learn of it within ten seconds.
  static constexpr std::chrono::seconds kSilenceLimit{6};
  // What takes longer than this, and ten times longer than anything before it, is stuck.
  static constexpr std::chrono::minutes kStuckLimit{5};

  struct Verdict {
    bool good = false;
    std::string reason;  // empty if good; a sentence without a final full stop
  };

  RunHealth(Clock::time_point now, std::shared_ptr<const BrokerAnswers> answers);

  void begin(RunActivity activity, Clock::time_point now);
  // It will not go on: a signal came.
  void stop();

  [[nodiscard]] Verdict alive(Clock::time_point now) const;
  [[nodiscard]] Verdict ready(Clock::time_point now) const;

 private:
  const std::shared_ptr<const BrokerAnswers> answers_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  RunActivity activity_ = RunActivity::starting;
  Clock::time_point since_;
  Clock::duration longest_{};  // of what may be stuck
  bool stopping_ = false;
};

}  // namespace millrace
