// The scripts in the shells that they are for. Where zsh or fish is missing, its tests say so and are
// skipped.
#include "config/completion.h"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "config/option_table.h"
#include "config/option_value.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::seconds kDeadline{30};

class Completion : public ::testing::Test {
 protected:
  Completion() {
    for (const std::string shell : {"bash", "zsh", "fish"})
      write(shell + ".script", completion_script(shell));
    write("model.toml", "");
    std::filesystem::create_directory(place() / "moon");
  }

  std::filesystem::path place() const { return folder_.path(); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(place() / name) << text;
  }

  support::ProcessResult run(std::vector<std::string> arguments) const {
    return support::run_process({.arguments = std::move(arguments),
                                 .environment = {{"HOME", place().string()}, {"TERM", "dumb"}},
                                 .working_directory = place().string()},
                                kDeadline);
  }

  bool has(const std::string& shell) const { return run({shell, "-c", "true"}).exit_code == 0; }

  // What bash offers for the last of the words.
  std::vector<std::string> bash(const std::string& words) const {
    const support::ProcessResult result =
        run({"bash", "-uc",
             "source ./bash.script; COMP_WORDS=(" + words +
                 "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _millrace; "
                 "((${#COMPREPLY[@]} == 0)) || printf '%s\\n' \"${COMPREPLY[@]}\""});
    EXPECT_EQ(result.exit_code, 0) << result.describe();
    EXPECT_EQ(result.err, "");
    return lines(result.out);
  }

  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> result = split(text, '\n');
    std::erase(result, "");
    return result;
  }

 private:
  support::TempDir folder_;
};

TEST_F(Completion, OfBashKnowsEveryOptionOfEveryCommandAndNoOther) {
  std::vector<std::string> shown = {"--help", "--version"};
  for (const CommandDescription& command : command_table()) {
    if (command.hidden) continue;
    shown.emplace_back(command.name);
    std::vector<std::string> flags = {"--help"};
    for (const Option& option : option_table()) {
      if (option.commands.contains(command.command)) flags.push_back(flag_of(option));
    }
    EXPECT_THAT(bash(fmt::format("millrace {} -", command.name)),
                ::testing::UnorderedElementsAreArray(flags));
  }
  EXPECT_THAT(bash("millrace ''"), ::testing::UnorderedElementsAreArray(shown));
}

TEST_F(Completion, OfBashOffersChoicesFilesAndFolders) {
  EXPECT_THAT(bash("millrace train --engine c"), UnorderedElementsAre("cuda", "cpu"));
  EXPECT_THAT(bash("millrace train --engine = c"), UnorderedElementsAre("cuda", "cpu"));
  EXPECT_THAT(bash("millrace train --engine ="), UnorderedElementsAre("auto", "cuda", "cpu"));
  EXPECT_THAT(bash("millrace train --config mo"), UnorderedElementsAre("model.toml", "moon"));
  EXPECT_THAT(bash("millrace train --state mo"), ElementsAre("moon"));
  EXPECT_THAT(bash("millrace replay mo"), ElementsAre("moon"));
  EXPECT_THAT(bash("millrace inspect mo"), UnorderedElementsAre("model.toml", "moon"));
  EXPECT_THAT(bash("millrace completion z"), ElementsAre("zsh"));
  EXPECT_THAT(bash("millrace bench l"), ElementsAre("latency"));
  EXPECT_THAT(bash("millrace train --brokers ''"), ElementsAre());
  EXPECT_THAT(bash("millrace nonsense ''"), ElementsAre());
}

TEST_F(Completion, OfFishOffersTheSame) {
  if (!has("fish")) GTEST_SKIP() << "fish is not installed (tools/setup --for test)";
  const support::ProcessResult syntax = run({"fish", "--no-execute", "fish.script"});
  EXPECT_EQ(syntax.exit_code, 0) << syntax.describe();
  const auto fish = [&](const std::string& line) {
    const support::ProcessResult result =
        run({"fish", "--no-config", "-c", "source ./fish.script; complete -C '" + line + "'"});
    EXPECT_EQ(result.exit_code, 0) << result.describe();
    std::vector<std::string> offered = lines(result.out);
    for (std::string& word : offered) word.resize(std::min(word.size(), word.find('\t')));
    return offered;
  };
  EXPECT_THAT(fish("millrace "), IsSupersetOf({"train", "inspect"}));
  EXPECT_THAT(fish("millrace train --"), IsSupersetOf({"--window-rows", "--engine", "--help"}));
  EXPECT_THAT(fish("millrace doctor --"), Not(Contains("--engine")));
  EXPECT_THAT(fish("millrace train --engine c"), UnorderedElementsAre("cuda", "cpu"));
  EXPECT_THAT(fish("millrace train --config mo"), UnorderedElementsAre("model.toml", "moon/"));
  EXPECT_THAT(fish("millrace replay mo"), ElementsAre("moon/"));
}

// A terminal of zsh's own, in which Tab is pressed. Then the line is printed, as an argument of a command
// around it: the key that goes to its beginning takes away what zsh would only suggest after a whole word.
TEST_F(Completion, OfZshCompletesOnATerminal) {
  if (!has("zsh")) GTEST_SKIP() << "zsh is not installed (tools/setup --for test)";
  const support::ProcessResult syntax = run({"zsh", "-n", "zsh.script"});
  EXPECT_EQ(syntax.exit_code, 0) << syntax.describe();
  write("press_tab", R"(zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -Uz compinit; compinit -u -D; source ./zsh.script; unsetopt zle_bracketed_paste; print lo''aded"
zpty -r -m shell line '*loaded*'
for words in "$@"; do
  zpty -w -n shell "$words"$'\t'$'\C-A'"print -r -- '<"$'\C-E'">'"$'\n'
  zpty -r -m shell line '*'$'\n''<*>*' || exit 1
  print -r -- "${${line##*$'\n'<}%%>*}"
done
)");
  const support::ProcessResult result = run(
      {"zsh", "-f", "press_tab", "millrace insp", "millrace train --window-r", "millrace train --engine cu",
       "millrace train --config model", "millrace replay mo", "millrace doctor --js"});
  EXPECT_THAT(
      lines(result.out),
      ElementsAre("millrace inspect", "millrace train --window-rows", "millrace train --engine cuda",
                  "millrace train --config model.toml", "millrace replay moon", "millrace doctor --json"))
      << result.describe();
}

TEST(CompletionScript, IsOfAShellThatIsKnown) {
  EXPECT_THROW((void)completion_script(""), OptionError);
  EXPECT_THROW((void)completion_script("tcsh"), OptionError);
}

}  // namespace
}  // namespace millrace
