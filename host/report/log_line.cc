#include "report/log_line.h"

#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>

#include "report/figures.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

Json line_at(std::int64_t now_ms, std::string_view level, std::string_view event) {
  constexpr std::int64_t kMillisecondsPerSecond = 1000;
  std::string time = iso_time(now_ms);
  time.pop_back();  // its Z
  return {{"time", fmt::format("{}.{:03}Z", time, now_ms % kMillisecondsPerSecond)},
          {"level", level},
          {"event", event}};
}

Json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}

// What brokers and files say need not be UTF-8, and JSON must be.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string message_line(std::int64_t now_ms, std::string_view level, std::string_view event,
                         std::string_view message) {
  Json json = line_at(now_ms, level, event);
  json["message"] = message;
  return text_of(json);
}

}  // namespace

std::string note_line(std::int64_t now_ms, std::string_view message) {
  return message_line(now_ms, "info", "note", message);
}

std::string warning_line(std::int64_t now_ms, std::string_view message) {
  return message_line(now_ms, "warning", "warning", message);
}

std::string failure_line(std::int64_t now_ms, std::string_view message, int exit_code) {
  Json json = line_at(now_ms, "error", "failure");
  json["message"] = message;
  json["exit_code"] = exit_code;
  return text_of(json);
}

std::string progress_line(std::int64_t now_ms, std::string_view event, const ProgressSample& sample) {
  Json json = line_at(now_ms, "info", event);
  json["seconds"] = number(sample.seconds);
  json["rows"] = sample.rows;
  json["rows_per_s"] = number(sample.rows_per_s);
  json["windows"] = sample.windows;
  json["steps"] = sample.steps;
  json["bad_records"] = sample.bad_records;
  json["lag"] = sample.lag ? Json(*sample.lag) : Json();
  json["seconds_left"] = number(sample.seconds_left);
  json["loss"] = number(sample.loss);
  json["accuracy"] = number(sample.accuracy);
  json["auc"] = number(sample.auc);
  json["latency_p50_ms"] = number(sample.latency_p50_ms);
  json["latency_p99_ms"] = number(sample.latency_p99_ms);
  return text_of(json);
}

std::int64_t unix_milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace millrace
