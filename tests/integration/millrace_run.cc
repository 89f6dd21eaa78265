#include "integration/millrace_run.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

namespace millrace {
namespace {

template <typename T>
T json_at(const std::string& text, const std::string& path) {
  try {
    return nlohmann::json::parse(text).at(nlohmann::json::json_pointer(path)).get<T>();
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error("looking for " + path + ": " + error.what() + " in: " + text);
  }
}

}  // namespace

support::Command millrace_command(const std::vector<std::string>& arguments) {
  support::Command command{.arguments = {MILLRACE_PROGRAM}};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  return command;
}

support::ProcessResult run_millrace(const std::vector<std::string>& arguments) {
  return support::run_process(millrace_command(arguments), kRunLimit);
}

bool comes_true_within(std::chrono::milliseconds at_most, const std::function<bool()>& condition) {
  constexpr std::chrono::milliseconds kPause{50};
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

double json_number(const std::string& json, const std::string& path) { return json_at<double>(json, path); }

std::int64_t json_count(const std::string& json, const std::string& path) {
  return json_at<std::int64_t>(json, path);
}

std::string json_text(const std::string& json, const std::string& path) {
  return json_at<std::string>(json, path);
}

}  // namespace millrace
