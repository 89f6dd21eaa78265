#include "app/log_output.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <string_view>
#include <utility>
#include <vector>

#include "report/log_line.h"

namespace millrace {

namespace {

class ListenerSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ListenerSink(std::function<void(std::string_view)> listener) : listener_(std::move(listener)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    listener_(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  const std::function<void(std::string_view)> listener_;
};

std::atomic<LogFormat> format_in_use = LogFormat::text;

void log_to(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("millrace", std::move(sink));
  logger->set_level(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace

void log_to_stderr(LogFormat format) {
  format_in_use = format;
  if (format == LogFormat::json) {
    log_to(std::make_shared<ListenerSink>(
        [](std::string_view line) { fmt::print(stderr, "{}\n", warning_line(unix_milliseconds(), line)); }));
    return;
  }
  log_to(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  spdlog::set_pattern("millrace: %v");
}

LogFormat log_format_of(std::string_view word) {
  return word == "json" ? LogFormat::json : LogFormat::text;  // the option table checked it
}

std::string last_line(std::string_view sentence, ExitCode code) {
  if (format_in_use == LogFormat::text) return fmt::format("millrace: {}\n", sentence);
  const std::int64_t now = unix_milliseconds();
  return (code == ExitCode::done ? note_line(now, sentence)
                                 : failure_line(now, sentence, static_cast<int>(code))) +
         '\n';
}

LogAboveProgress::LogAboveProgress(Progress& progress) {
  log_to(std::make_shared<ListenerSink>([&progress](std::string_view line) { progress.warn(line); }));
}

LogAboveProgress::~LogAboveProgress() { log_to_stderr(format_in_use); }

LogTap::LogTap(std::function<void(std::string_view)> listener)
    : sink_(std::make_shared<ListenerSink>(std::move(listener))) {
  spdlog::default_logger()->sinks().push_back(sink_);
}

LogTap::~LogTap() { std::erase(spdlog::default_logger()->sinks(), sink_); }

}  // namespace millrace
