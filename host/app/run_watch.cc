#include "app/run_watch.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "millrace/errors.h"

#include "report/live_page.h"
#include "report/metrics_table.h"
#include "report/status_json.h"

namespace millrace {

namespace {

constexpr const char* kJson = "application/json";

HttpResponse response_of(const RunHealth::Verdict& verdict, const char* good, const char* bad) {
  nlohmann::ordered_json json = {{"status", verdict.good ? good : bad}};
  if (!verdict.good) json["reason"] = verdict.reason;
  return {verdict.good ? 200 : 503, kJson, json.dump() + "\n"};
}

}  // namespace

ListenAddress listen_address(const OptionValues& options) {
  const std::string& text = options.text("listen");
  const std::optional<ListenAddress> address = parse_listen_address(text);
  if (address) return *address;
  throw OptionError(OptionError::Kind::invalid, options.written("listen"), text,
                    "expected a port, which only this machine reaches, or an address and a port such as "
                    "0.0.0.0:9099");
}

RunWatch::RunWatch(const OptionValues& options, const TrainJob& job, std::stop_token stop)
    : health_(RunHealth::Clock::now(), answers_),
      live_(job),
      log_([this](std::string_view line) { live_.note(line); }),
      on_stop_(std::move(stop), [this] { health_.stop(); }),
      meter_([this](const std::stop_token& end) { measure(end); }),
      server_(listen_address(options), [this](std::string_view path) { return answer(path); }) {}

TrainObserver RunWatch::observer(TrainObserver other) {
  TrainObserver both;
  both.note = [this, next = std::move(other.note)](std::string_view sentence) {
    live_.note(sentence);
    next(sentence);
  };
  both.opened = [this, next = std::move(other.opened)](const OpenedRun& run) {
    live_.opened(run);
    next(run);
  };
  both.window = [this, next = std::move(other.window)](const TrainTick& tick, const SourceCounts& source) {
    live_.take(tick, source);
    next(tick, source);
  };
  both.saved = [this, next = std::move(other.saved)](const SavedCheckpoint& saved) {
    live_.saved(saved);
    next(saved);
  };
  both.activity = [this, next = std::move(other.activity)](RunActivity activity) {
    health_.begin(activity, RunHealth::Clock::now());
    live_.begin(activity);
    next(activity);
  };
  return both;
}

HttpResponse RunWatch::answer(std::string_view path) {
  const RunHealth::Clock::time_point now = RunHealth::Clock::now();
  if (path == "/") return {200, "text/html; charset=utf-8", live_page()};
  if (path == "/status.json") return {200, kJson, status_json(status())};
  if (path == "/metrics") return {200, kPrometheusTextType, prometheus_text(status())};
  if (path == "/healthz") return response_of(health_.alive(now), "alive", "stuck");
  if (path == "/readyz") return response_of(health_.ready(now), "ready", "not ready");
  return {404, "text/plain; charset=utf-8", "Here are /, /status.json, /metrics, /healthz and /readyz.\n"};
}

RunStatus RunWatch::status() const {
  RunStatus status = live_.status(*answers_);
  const RunHealth::Verdict ready = health_.ready(RunHealth::Clock::now());
  status.ready = ready.good;
  status.not_ready = ready.reason;
  return status;
}

void RunWatch::measure(const std::stop_token& stop) {
  constexpr std::chrono::seconds kInterval{1};
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, stop, kInterval, [&] { return stop.stop_requested(); })) {
    live_.measure(*answers_);
  }
}

}  // namespace millrace
