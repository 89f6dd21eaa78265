// A training run that goes on while a test breaks what it depends on, and what it looks like from outside.
//
// The rows are those of support::NumberedLoad. One thread calls everything. Errors: std::runtime_error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "integration/millrace_run.h"

namespace millrace {

// How often, or how long, a long test does what it does; the environment may say another number.
[[nodiscard]] std::int64_t count_from_environment(const char* name, std::int64_t otherwise);

// The command line without --stop and --listen: a small network, and frequent checkpoints, each with a
// commit. Rows wait for their window for `window_limit` at most.
[[nodiscard]] std::vector<std::string> train_numbered(
    const std::string& brokers, const std::string& topic, const std::string& state,
    std::chrono::milliseconds window_limit = std::chrono::milliseconds(100));

// Fails the test unless the state was trained with the rows 0 to rows - 1, each once: by their count, and by
// mean and deviation of their numbers, which the standardizer took in with the rows.
void expect_trained_once(const std::string& state, std::int64_t rows);

class LiveTrain {
 public:
  // --listen and --stop never are added. Returns when it is ready.
  explicit LiveTrain(const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment = {});

  // Of this run.
  [[nodiscard]] std::int64_t rows() const;
  [[nodiscard]] bool ready() const;
  [[nodiscard]] bool running() { return process_.running(); }
  [[nodiscard]] std::int64_t resident_kib() const;
  [[nodiscard]] std::int64_t descriptors() const;
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] std::string err() const { return process_.err(); }

  // SIGTERM; fails the test where it does not end with 0 within ten seconds.
  support::ProcessResult stop();

 private:
  support::Process process_;
  std::uint16_t port_ = 0;
};

}  // namespace millrace
