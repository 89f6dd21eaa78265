// A training run as others may watch it over HTTP: /healthz and /readyz for whoever runs it, /metrics for
// Prometheus, / and /status.json for people.
//
// Made before the run, gone after it. `observer` is for the thread that runs the job.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "app/live_status.h"
#include "app/log_output.h"
#include "config/options.h"
#include "http/http_server.h"
#include "kafka/broker_answers.h"
#include "train/run_health.h"
#include "train/train_job.h"

namespace millrace {

// What --listen says. Errors: OptionError.
[[nodiscard]] ListenAddress listen_address(const OptionValues& options);

class RunWatch {
 public:
  // Answers from now on. `stop`: that the run was asked to end. Errors: OptionError.
  RunWatch(const OptionValues& options, const TrainJob& job, std::stop_token stop);
  RunWatch(const RunWatch&) = delete;
  RunWatch& operator=(const RunWatch&) = delete;

  // For the job's source.
  [[nodiscard]] const std::shared_ptr<BrokerAnswers>& answers() const { return answers_; }
  // Tells this watch and `other`.
  [[nodiscard]] TrainObserver observer(TrainObserver other);

  [[nodiscard]] std::string url() const { return "http://" + server_.address().text() + "/"; }

 private:
  [[nodiscard]] HttpResponse answer(std::string_view path);
  [[nodiscard]] RunStatus status() const;
  void measure(const std::stop_token& stop);

  const std::shared_ptr<BrokerAnswers> answers_ = std::make_shared<BrokerAnswers>();
  RunHealth health_;
  LiveStatus live_;
  LogTap log_;
  std::stop_callback<std::function<void()>> on_stop_;
  std::mutex mutex_;  // for waiting only
  std::condition_variable_any stopped_;
  std::jthread meter_;
  HttpServer server_;  // last: it uses all of the above
};

}  // namespace millrace
