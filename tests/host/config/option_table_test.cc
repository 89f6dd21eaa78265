#include "config/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/option_value.h"
#include "host/config/resolving.h"

namespace millrace {
namespace {

TEST(OptionTable, HasOneOptionForANameAndACommand) {
  for (const CommandDescription& command : command_table()) {
    std::vector<std::string_view> names;
    for (const Option& option : option_table()) {
      if (option.commands.contains(command.command)) names.push_back(option.name);
    }
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end()) << command.name << " has one twice";
  }
}

TEST(OptionTable, RequiresOnlyWhatACommandTakesAndHasNoDefaultFor) {
  for (const Option& option : option_table()) {
    EXPECT_EQ(option.required.bits & ~option.commands.bits, 0U) << option.name;
    EXPECT_TRUE(option.required.bits == 0 || option.default_text.empty()) << option.name;
  }
}

TEST(OptionTable, HasDefaultsThatItsOwnChecksTake) {
  for (const Option& option : option_table()) {
    if (option.default_text.empty()) continue;
    EXPECT_NO_THROW(
        static_cast<void>(parse_option_value(option, option.default_text, std::string(option.name))))
        << option.name;
  }
}

TEST(OptionTable, SaysSomethingAboutEveryOption) {
  for (const Option& option : option_table()) {
    EXPECT_FALSE(option.sentence.empty()) << option.name;
    EXPECT_FALSE(option.sentence.ends_with('.')) << option.name;
    EXPECT_EQ(option.metavar.empty(), option.type == OptionType::flag) << option.name;
  }
}

TEST(OptionTable, HasExamplesThatResolve) {
  for (const CommandDescription& command : command_table()) {
    std::vector<std::string> words = split(command.example, ' ');
    ASSERT_EQ(words.front(), "millrace");
    words.erase(words.begin());
    EXPECT_EQ(resolve(words).command(), command.command) << command.example;
  }
}

}  // namespace
}  // namespace millrace
