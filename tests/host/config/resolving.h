// Resolves options as main does, from texts.
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

inline OptionValues resolve(std::vector<std::string> arguments,
                            const std::vector<std::string>& environment = {}) {
  arguments.insert(arguments.begin(), "millrace");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::vector<const char*> variables;
  for (const std::string& variable : environment) variables.push_back(variable.c_str());
  variables.push_back(nullptr);
  return resolve_options(static_cast<int>(argv.size()), argv.data(), variables.data());
}

// A command line of evaluate, which needs three options, with more.
inline std::vector<std::string> evaluate_with(const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"evaluate", "--brokers", "b", "--topic", "t", "--state", "s"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}
inline std::vector<std::string> train_with(const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"train",   "--brokers", "b",          "--topic", "t",
                                        "--state", "s",         "--features", "9"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// What comes out where an error must; the test fails without one.
inline OptionError error_of(const std::vector<std::string>& arguments,
                            const std::vector<std::string>& environment = {}) {
  try {
    static_cast<void>(resolve(arguments, environment));
  } catch (const OptionError& error) {
    return error;
  }
  ADD_FAILURE() << "no OptionError";
  return {OptionError::Kind::unknown, "", "", "there was no error"};
}

// All that an error can show to anybody.
inline std::string everything_in(const OptionError& error) {
  return std::string(error.what()) + '|' + error.option + '|' + error.value + '|' + error.reason + '|' +
         error.nearest;
}

// A configuration file that lives as long as this.
class ConfigText {
 public:
  explicit ConfigText(const std::string& text) {
    path_ = std::filesystem::path(::testing::TempDir()) /
            (std::string("millrace-") + ::testing::UnitTest::GetInstance()->current_test_info()->name() +
             ".toml");
    std::ofstream(path_) << text;
  }
  ConfigText(const ConfigText&) = delete;
  ConfigText& operator=(const ConfigText&) = delete;
  ~ConfigText() { std::filesystem::remove(path_); }

  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace millrace
