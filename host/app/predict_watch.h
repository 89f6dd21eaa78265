// Predictions as others may watch them over HTTP: /healthz and /readyz for whoever runs the process, /metrics
// for Prometheus. Made before the job, gone after it.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "config/options.h"
#include "http/http_server.h"
#include "predict/model_follower.h"
#include "predict/predict_counts.h"
#include "report/predict_status.h"

namespace millrace {

class PredictWatch {
 public:
  // Not ready where nothing was taken for so long: a broker is away, or the group is sharing anew.
  static constexpr std::chrono::seconds kSilence{10};

  // Answers from now on. Errors: OptionError.
  explicit PredictWatch(const OptionValues& options);

  // On the thread that predicts, several times a second.
  void take(const PredictCounts& counts, const Checkpoint& checkpoint);

  [[nodiscard]] std::string url() const { return "http://" + server_.address().text() + "/"; }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] HttpResponse answer(std::string_view path) const;
  [[nodiscard]] PredictStatus status() const;

  mutable std::mutex mutex_;
  PredictStatus status_;        // guarded by mutex_
  Clock::time_point taken_at_;  // guarded by mutex_; the clock's beginning: never
  HttpServer server_;           // last: it uses all of the above
};

}  // namespace millrace
