#include "config/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/errors.h"

#include "config/nearest_name.h"
#include "config/option_table.h"
#include "config/option_value.h"

namespace millrace {

namespace {

enum class Completes { nothing, words, files, folders };

struct Value {
  Completes completes = Completes::nothing;
  std::vector<std::string> words = {};
};

// Metavars say what a value is: "cuda|cpu" are words to choose from, FILE and DIR are paths.
Value value_of(std::string_view metavar, bool choice) {
  if (choice) return {Completes::words, split(metavar, '|')};
  if (metavar.find("FILE") != std::string_view::npos) return {Completes::files};
  if (metavar == "DIR") return {Completes::folders};
  return {};
}

Value value_of(const Option& option) { return value_of(option.metavar, option.type == OptionType::choice); }

Value positional_of(const CommandDescription& command) {
  const bool words = command.positional.find_first_of("abcdefghijklmnopqrstuvwxyz") != std::string_view::npos;
  return value_of(command.positional, words);
}

std::vector<const CommandDescription*> shown_commands() {
  std::vector<const CommandDescription*> shown;
  for (const CommandDescription& command : command_table()) {
    if (!command.hidden) shown.push_back(&command);
  }
  return shown;
}

std::vector<const Option*> options_of(const CommandDescription& command) {
  std::vector<const Option*> taken;
  for (const Option& option : option_table()) {
    if (option.commands.contains(command.command)) taken.push_back(&option);
  }
  return taken;
}

// Puts a backslash before each of `special`.
std::string escaped(std::string_view text, std::string_view special) {
  std::string result;
  for (const char letter : text) {
    if (special.find(letter) != std::string_view::npos) result += '\\';
    result += letter;
  }
  return result;
}

// --- bash

constexpr std::string_view kBashBegin = R"(# Completes millrace in bash. Made by `millrace completion bash`.
_millrace_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }
_millrace_paths() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}
_millrace() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # In --option=value, the equals sign is a word of its own.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
)";

std::string bash_value(const Value& value) {
  switch (value.completes) {
    case Completes::words:
      return fmt::format("_millrace_words '{}' \"$word\"", fmt::join(value.words, " "));
    case Completes::files:
      return "_millrace_paths -f \"$word\"";
    case Completes::folders:
      return "_millrace_paths -d \"$word\"";
    case Completes::nothing:
      break;
  }
  return ":";
}

std::string bash_command(const CommandDescription& command) {
  std::string cases;
  std::vector<std::string> flags;
  for (const Option* option : options_of(command)) {
    flags.push_back(flag_of(*option));
    if (option->type != OptionType::flag)
      cases += fmt::format("        {}) {} ;;\n", flags.back(), bash_value(value_of(*option)));
  }
  flags.emplace_back("--help");
  const std::string all_flags = bash_value({Completes::words, flags});
  const Value positional = positional_of(command);
  const std::string rest =
      positional.completes == Completes::nothing
          ? all_flags
          : fmt::format("if [[ $word == -* ]]; then {}; else {}; fi", all_flags, bash_value(positional));
  return fmt::format("    {})\n      case $before in\n{}        *) {} ;;\n      esac\n      ;;\n",
                     command.name, cases, rest);
}

std::string bash_script() {
  std::vector<std::string> first;
  std::string cases;
  for (const CommandDescription* command : shown_commands()) {
    first.emplace_back(command->name);
    cases += bash_command(*command);
  }
  first.insert(first.end(), {"--help", "--version"});
  return fmt::format(
      "{}  if ((COMP_CWORD == 1)); then\n    {}\n    return\n  fi\n  case ${{COMP_WORDS[1]}} in\n{}  esac\n"
      "}}\ncomplete -F _millrace millrace\n",
      kBashBegin, bash_value({Completes::words, first}), cases);
}

// --- zsh

// Inside '...', a quotation mark ends the text, stands for itself, and begins the text again.
std::string zsh_quoted(std::string_view text) {
  std::string result;
  for (const char letter : text) result += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return fmt::format("'{}'", result);
}

std::string zsh_value(std::string_view metavar, const Value& value) {
  std::string action;
  switch (value.completes) {
    case Completes::words:
      action = fmt::format("({})", fmt::join(value.words, " "));
      break;
    case Completes::files:
      action = "_files";
      break;
    case Completes::folders:
      action = "_files -/";
      break;
    case Completes::nothing:
      action = " ";
  }
  return fmt::format(":{}:{}", escaped(metavar, "\\:"), action);
}

std::string zsh_command(const CommandDescription& command) {
  std::string specs;
  for (const Option* option : options_of(command)) {
    const bool property = option->type == OptionType::property;
    const bool flag = option->type == OptionType::flag;
    specs += " \\\n        " +
             zsh_quoted(fmt::format("{}{}{}[{}]{}", property ? "*" : "", flag_of(*option),
                                    flag || property ? "" : "=", escaped(option->sentence, "\\[]:"),
                                    flag ? "" : zsh_value(option->metavar, value_of(*option))));
  }
  specs += " \\\n        '--help[The options of this command]'";
  if (!command.positional.empty())
    specs += " \\\n        " +
             zsh_quoted(fmt::format("1{}", zsh_value(command.positional, positional_of(command))));
  return fmt::format("    {})\n      _arguments{}\n      ;;\n", command.name, specs);
}

std::string zsh_script() {
  std::string first;
  std::string cases;
  for (const CommandDescription* command : shown_commands()) {
    first += "    " + zsh_quoted(fmt::format("{}:{}", command->name, command->sentence)) + '\n';
    cases += zsh_command(*command);
  }
  return fmt::format(
      R"(#compdef millrace
# Completes millrace in zsh. Made by `millrace completion zsh`.
_millrace() {{
  local -a commands=(
{}    '--help:The commands'
    '--version:The versions of millrace and librdkafka'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
{}  esac
}}
if [[ $funcstack[1] == _millrace ]]; then _millrace "$@"; else compdef _millrace millrace; fi
)",
      first, cases);
}

// --- fish

constexpr std::string_view kFishBegin = R"(# Completes millrace in fish. Made by `millrace completion fish`.
function __millrace_runs
    set -l words (commandline -opc)
    set -q words[2]; and test $words[2] = $argv[1]
end
function __millrace_has_no_command
    set -l words (commandline -opc)
    not set -q words[2]
end
complete -c millrace -f
complete -c millrace -n __millrace_has_no_command -s h -l help -d 'The commands'
complete -c millrace -n __millrace_has_no_command -l version -d 'The versions of millrace and librdkafka'
)";

std::string fish_quoted(std::string_view text) { return fmt::format("'{}'", escaped(text, "\\'")); }

std::string fish_words(const Value& value) {
  switch (value.completes) {
    case Completes::words:
      return fmt::format(" -a '{}'", fmt::join(value.words, " "));
    case Completes::files:
      return " -F";
    case Completes::folders:
      return " -a '(__fish_complete_directories (commandline -ct))'";
    case Completes::nothing:
      break;
  }
  return "";
}

std::string fish_command(const CommandDescription& command) {
  const std::string begin = fmt::format("complete -c millrace -n '__millrace_runs {}'", command.name);
  std::string lines;
  for (const Option* option : options_of(command)) {
    const Value value = value_of(*option);
    std::string_view needs = value.completes == Completes::files ? " -r" : " -x";
    if (option->type == OptionType::flag) needs = "";
    lines += fmt::format("{} {} {}{}{} -d {}\n", begin, option->type == OptionType::property ? "-s" : "-l",
                         option->name, needs, fish_words(value), fish_quoted(option->sentence));
  }
  lines += begin + " -s h -l help -d 'The options of this command'\n";
  if (const Value value = positional_of(command); value.completes != Completes::nothing)
    lines += begin + fish_words(value) + '\n';
  return lines;
}

std::string fish_script() {
  std::string script(kFishBegin);
  for (const CommandDescription* command : shown_commands()) {
    script += fmt::format("complete -c millrace -n __millrace_has_no_command -a {} -d {}\n", command->name,
                          fish_quoted(command->sentence));
    script += fish_command(*command);
  }
  return script;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return zsh_script();
  if (shell == "fish") return fish_script();
  const std::vector<std::string> shells = {"bash", "zsh", "fish"};
  const std::string expected = fmt::format("expected one of {}", fmt::join(shells, ", "));
  if (shell.empty()) throw OptionError(OptionError::Kind::missing, "the shell", "", expected);
  throw OptionError(OptionError::Kind::unknown, "the shell", std::string(shell), expected,
                    nearest_name(shell, shells));
}

}  // namespace millrace
