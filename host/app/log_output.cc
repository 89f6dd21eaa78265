#include "app/log_output.h"

#include <memory>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <string_view>
#include <utility>

namespace millrace {

namespace {

class ProgressSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ProgressSink(Progress& progress) : progress_(progress) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    progress_.note(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  Progress& progress_;
};

void log_to(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("millrace", std::move(sink));
  logger->set_level(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace

void log_to_stderr() {
  log_to(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  spdlog::set_pattern("millrace: %v");
}

LogAboveProgress::LogAboveProgress(Progress& progress) { log_to(std::make_shared<ProgressSink>(progress)); }

LogAboveProgress::~LogAboveProgress() { log_to_stderr(); }

}  // namespace millrace
