#include "app/run_watch.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "millrace/errors.h"

namespace millrace {

namespace {

constexpr const char* kJson = "application/json";

ListenAddress listen_address(const OptionValues& options) {
  const std::string& text = options.text("listen");
  const std::optional<ListenAddress> address = parse_listen_address(text);
  if (address) return *address;
  throw OptionError(OptionError::Kind::invalid, options.written("listen"), text,
                    "expected a port, which only this machine reaches, or an address and a port such as "
                    "0.0.0.0:9099");
}

HttpResponse response_of(const RunHealth::Verdict& verdict, const char* good, const char* bad) {
  nlohmann::ordered_json json = {{"status", verdict.good ? good : bad}};
  if (!verdict.good) json["reason"] = verdict.reason;
  return {verdict.good ? 200 : 503, kJson, json.dump() + "\n"};
}

}  // namespace

RunWatch::RunWatch(const OptionValues& options, std::stop_token stop)
    : health_(RunHealth::Clock::now(), answers_),
      on_stop_(std::move(stop), [this] { health_.stop(); }),
      server_(listen_address(options), [this](std::string_view path) { return answer(path); }) {}

TrainObserver RunWatch::observer(TrainObserver other) {
  TrainObserver both = std::move(other);
  both.activity = [this, next = std::move(both.activity)](RunActivity activity) {
    health_.begin(activity, RunHealth::Clock::now());
    next(activity);
  };
  return both;
}

HttpResponse RunWatch::answer(std::string_view path) {
  const RunHealth::Clock::time_point now = RunHealth::Clock::now();
  if (path == "/healthz") return response_of(health_.alive(now), "alive", "stuck");
  if (path == "/readyz") return response_of(health_.ready(now), "ready", "not ready");
  return {404, "text/plain; charset=utf-8", "Here are /healthz and /readyz.\n"};
}

}  // namespace millrace
