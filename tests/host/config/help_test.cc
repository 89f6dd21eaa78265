#include "config/help.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>

#include "config/option_table.h"
#include "config/option_value.h"
#include "host/config/resolving.h"

namespace millrace {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::vector<std::string> all_pages() {
  std::vector<std::string> pages = {program_page()};
  for (const CommandDescription& command : command_table()) {
    if (!command.hidden) pages.push_back(command_page(command.command));
  }
  return pages;
}

TEST(Help, FitsANarrowTerminal) {
  for (const std::string& page : all_pages()) {
    for (const std::string& line : split(page, '\n')) EXPECT_LE(line.size(), 92U) << line;
    EXPECT_TRUE(page.ends_with('\n'));
  }
}

TEST(Help, ListsEveryOptionOfACommandWithItsDefault) {
  for (const CommandDescription& command : command_table()) {
    std::vector<std::string> words;
    for (const std::string& line : split(command_page(command.command), '\n')) {
      for (const std::string& word : split(line, ' ')) words.push_back(word);
    }
    for (const Option& option : option_table()) {
      if (!option.commands.contains(command.command)) continue;
      EXPECT_THAT(words, Contains(flag_of(option))) << command.name;
      if (option.default_text.empty()) continue;
      EXPECT_THAT(words, Contains(std::string(option.default_text) + ")")) << option.name;
    }
  }
}

TEST(Help, ListsEveryCommandThatIsNotHidden) {
  for (const CommandDescription& command : command_table()) {
    const std::string line = "\n  " + std::string(command.name) + " ";
    EXPECT_EQ(program_page().find(line) == std::string::npos, command.hidden) << command.name;
  }
}

TEST(Help, IsGivenWhereverItIsAskedFor) {
  EXPECT_EQ(resolve({"--help"}).page(), program_page());
  EXPECT_EQ(resolve({"-h"}).page(), program_page());
  EXPECT_EQ(resolve({"train", "--help"}).page(), command_page(Command::train));
  EXPECT_EQ(resolve({"train", "--nonsense", "-h", "x"}, {"MILLRACE_NONSENSE=1"}).page(),
            command_page(Command::train));
}

TEST(Help, NamesTheVersions) {
  EXPECT_THAT(resolve({"--version"}).page(),
              testing::MatchesRegex("millrace [0-9.]+ \\(librdkafka [0-9.]+\\)\n"));
}

TEST(OptionsPage, IsCurrent) {
  std::ifstream file(MILLRACE_SOURCE_DIR "/docs/options.md");
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(page == options_markdown()) << "docs/options.md is not what the table of options says. Make it "
                                             "anew at the root of the repository:\n"
                                             "  build/release/millrace options-markdown > docs/options.md";
}

TEST(OptionsPage, NamesEveryOptionOfEveryCommand) {
  for (const Option& option : option_table())
    EXPECT_THAT(options_markdown(), HasSubstr("| `" + flag_of(option)));
}

}  // namespace
}  // namespace millrace
