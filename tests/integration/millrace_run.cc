#include "integration/millrace_run.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace millrace {
namespace {

nlohmann::json json_at(const std::string& text, const std::string& path) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const nlohmann::json::json_pointer pointer(path);
  if (json.is_discarded() || !json.contains(pointer) || !json.at(pointer).is_number()) {
    throw std::runtime_error("no number at " + path + " of: " + text);
  }
  return json.at(pointer);
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

double json_number(const std::string& json, const std::string& path) {
  return json_at(json, path).get<double>();
}

std::int64_t json_count(const std::string& json, const std::string& path) {
  return json_at(json, path).get<std::int64_t>();
}

}  // namespace millrace
