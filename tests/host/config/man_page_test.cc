#include "config/man_page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "config/exit_code_table.h"
#include "config/option_table.h"
#include "config/option_value.h"
#include "support/process.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

support::ProcessResult groff(std::vector<std::string> options) {
  options.insert(options.begin(), {"groff", "-man", "-ww", "-Tascii", "-P-cbou"});
  return support::run_process({.arguments = std::move(options), .input = man_page()},
                              std::chrono::seconds(30));
}

TEST(ManPage, IsFormattedWithoutWarnings) {
  const support::ProcessResult result = groff({"-z"});
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.err, "");
}

TEST(ManPage, ShowsEveryOptionAndCommand) {
  const std::string page = groff({"-rLL=200n"}).out;
  for (const Option& option : option_table())
    EXPECT_THAT(page, HasSubstr(fmt::format("\n       {}", flag_of(option))));
  for (const CommandDescription& command : command_table()) {
    if (command.hidden) continue;
    EXPECT_THAT(page, HasSubstr(fmt::format("\n       {}", command.name)));
    EXPECT_THAT(page, HasSubstr(std::string(command.example.substr(0, 60))));
  }
  for (const char* title :
       {"NAME", "SYNOPSIS", "COMMANDS", "OPTIONS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES"})
    EXPECT_THAT(page, HasSubstr(fmt::format("\n{}\n", title)));
}

TEST(ManPage, TellsWhatEveryExitCodeMeans) {
  const std::string page = groff({"-rLL=2000n"}).out;
  for (const ExitCodeDescription& each : exit_code_table()) {
    const std::string line = fmt::format("\n       {}      {}.\n", static_cast<int>(each.code), each.meaning);
    EXPECT_THAT(page, HasSubstr(line));
  }
}

}  // namespace
}  // namespace millrace
