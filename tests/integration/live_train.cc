#include "integration/live_train.h"

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "support/http_get.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using support::http_get;
using support::ProcessResult;

support::Command live_command(std::vector<std::string> arguments,
                              const std::map<std::string, std::string>& environment) {
  arguments.insert(arguments.end(), {"--stop", "never", "--listen", "0"});
  support::Command command = millrace_command(arguments);
  command.environment = environment;
  return command;
}

}  // namespace

std::int64_t count_from_environment(const char* name, std::int64_t otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoll(text, nullptr, 10) : otherwise;
}

std::vector<std::string> train_numbered(const std::string& brokers, const std::string& topic,
                                        const std::string& state, std::chrono::milliseconds window_limit) {
  return {"train",
          "--brokers",
          brokers,
          "--topic",
          topic,
          "--features",
          "2",
          "--label",
          "key",
          "--standardize",
          "--state",
          state,
          "--engine",
          "cpu",
          "--layers",
          "16,8",
          "--epochs",
          "1",
          "--batch",
          "256",
          "--window-ms",
          std::to_string(window_limit.count()),
          "--checkpoint-ms",
          "250",
          "--memory-bytes",
          "64MiB",
          "--json",
          "--quiet"};
}

void expect_trained_once(const std::string& state, std::int64_t rows) {
  const ProcessResult result = run_millrace({"inspect", state, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  const auto count = static_cast<double>(rows);
  EXPECT_EQ(json_count(result.out, "/rows"), rows);
  EXPECT_EQ(json_count(result.out, "/standardizer/0/count"), rows);
  EXPECT_NEAR(json_number(result.out, "/standardizer/0/mean"), (count - 1) / 2, 1e-9 * count);
  EXPECT_NEAR(json_number(result.out, "/standardizer/0/standard_deviation"),
              std::sqrt((count * count - 1) / 12), 1e-9 * count);
}

LiveTrain::LiveTrain(const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment)
    : process_(live_command(arguments, environment)) {
  const auto line = process_.wait_for_line("Listening on http://127.0.0.1:[0-9]+/", kRunLimit);
  if (!line) throw std::runtime_error("it does not listen: " + process_.wait(0s).describe());
  port_ = static_cast<std::uint16_t>(std::stoi(line->substr(line->rfind(':') + 1)));
  if (!comes_true_within(kRunLimit, [&] { return ready(); }))
    throw std::runtime_error("it does not become ready: " + process_.wait(0s).describe());
}

std::int64_t LiveTrain::rows() const {
  constexpr std::string_view kName = "\nmillrace_rows_total ";
  const std::string body = http_get(port_, "/metrics").body;
  const std::size_t at = body.find(kName);
  return at == std::string::npos ? 0 : static_cast<std::int64_t>(std::stod(body.substr(at + kName.size())));
}

bool LiveTrain::ready() const { return http_get(port_, "/readyz").status == 200; }

std::int64_t LiveTrain::resident_kib() const {
  constexpr std::string_view kName = "VmRSS:";
  std::ifstream status("/proc/" + std::to_string(pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kName)) return std::stoll(line.substr(kName.size()));
  }
  throw std::runtime_error("it has ended: " + err());
}

std::int64_t LiveTrain::descriptors() const {
  const std::filesystem::directory_iterator open("/proc/" + std::to_string(pid()) + "/fd");
  return std::distance(open, std::filesystem::directory_iterator());
}

ProcessResult LiveTrain::stop() {
  const auto asked = std::chrono::steady_clock::now();
  process_.send(SIGTERM);
  ProcessResult ended = process_.wait(20s);
  EXPECT_EQ(ended.exit_code, 0) << ended.describe();
  EXPECT_LE(std::chrono::steady_clock::now() - asked, 10s);
  return ended;
}

}  // namespace millrace
