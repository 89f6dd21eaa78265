// Runs the program under test as a user does, and reads what it prints with `--json`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/process.h"

namespace millrace {

inline constexpr std::chrono::seconds kRunLimit{60};

// The command line that starts the program: its path, then the arguments.
[[nodiscard]] support::Command millrace_command(const std::vector<std::string>& arguments);

[[nodiscard]] support::ProcessResult run_millrace(const std::vector<std::string>& arguments);

// Looks again and again, with pauses that leave the processor to others.
bool comes_true_within(std::chrono::milliseconds at_most, const std::function<bool()>& condition);

// A number of a JSON text by its path, such as "/lifetime/rows". Throws std::runtime_error with the text
// where there is none.
[[nodiscard]] double json_number(const std::string& json, const std::string& path);
[[nodiscard]] std::int64_t json_count(const std::string& json, const std::string& path);
[[nodiscard]] std::string json_text(const std::string& json, const std::string& path);

}  // namespace millrace
