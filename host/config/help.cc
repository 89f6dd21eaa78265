#include "config/help.h"

#include <algorithm>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <string_view>
#include <vector>

#include "config/option_table.h"
#include "config/option_value.h"

namespace millrace {

namespace {

constexpr std::size_t kWidth = 92;
constexpr std::size_t kIndent = 2;
constexpr std::size_t kTextColumn = 30;  // where sentences begin

// Breaks a text between its words so that no line passes kWidth, longer words excepted. The first line is
// taken to begin at column `start`, the others begin at `hanging`.
std::string wrapped(const std::vector<std::string>& words, std::size_t start, std::size_t hanging,
                    std::string_view line_end = "\n") {
  std::string page;
  std::size_t column = start;
  bool line_is_empty = true;
  for (const std::string& word : words) {
    if (!line_is_empty && column + word.size() + line_end.size() > kWidth) {
      page += line_end;
      page.append(hanging, ' ');
      column = hanging;
      line_is_empty = true;
    }
    if (!line_is_empty) {
      page += ' ';
      ++column;
    }
    page += word;
    column += word.size();
    line_is_empty = false;
  }
  return page + '\n';
}

std::string wrapped(std::string_view text, std::size_t start, std::size_t hanging) {
  return wrapped(split(text, ' '), start, hanging);
}

// A command line, broken only before options.
std::string example(std::string_view command_line) {
  std::vector<std::string> words;
  for (const std::string& word : split(command_line, ' ')) {
    if (words.empty() || word.starts_with('-')) {
      words.push_back(word);
    } else {
      words.back() += ' ' + word;
    }
  }
  return "  " + wrapped(words, 2, 6, " \\\n");
}

std::string entry(std::string_view term, std::string_view text) {
  std::string page(kIndent, ' ');
  page += term;
  if (page.size() + 2 > kTextColumn) {
    page += '\n';
    page.append(kTextColumn, ' ');
  } else {
    page.append(kTextColumn - page.size(), ' ');
  }
  return page + wrapped(text, kTextColumn, kTextColumn);
}

// Choices that do not fit beside their flag go into the text.
std::string option_entry(const Option& option, Command command) {
  constexpr std::size_t kLongMetavar = 48;
  const bool long_choice = option.metavar.size() > kLongMetavar;
  std::string term = flag_of(option);
  if (!option.metavar.empty()) term += fmt::format(" {}", long_choice ? "NAME" : option.metavar);
  std::string text(option.sentence);
  if (long_choice) text += "; " + expectation_of(option);
  if (option.required.contains(command)) {
    const std::string_view positional = describe(command).positional;
    text += positional.empty() ? " (required)" : fmt::format(" (required without {})", positional);
  }
  if (!option.default_text.empty()) text += fmt::format(" (default {})", option.default_text);
  return entry(term, text);
}

std::string usage(const CommandDescription& description) {
  std::string line = fmt::format("Usage: millrace {}", description.name);
  std::string needed;
  for (const Option& option : option_table()) {
    if (option.required.contains(description.command))
      needed += fmt::format(" {} {}", flag_of(option), option.metavar);
  }
  if (description.positional.empty()) {
    line += needed;
  } else {
    line += fmt::format(" {}{}{}", description.positional, needed.empty() ? "" : " |", needed);
  }
  return wrapped(line + " [options]", 0, 7);
}

}  // namespace

std::string program_page() {
  std::string page =
      "millrace trains neural networks on Apache Kafka topics as they flow.\n\n"
      "Usage: millrace COMMAND [options]\n\nCommands\n";
  for (const CommandDescription& command : command_table()) {
    if (!command.hidden) page += entry(command.name, command.sentence);
  }
  page += "\nOptions\n";
  page += entry("-h, --help", "This page, or with a command before it, the options of that command");
  page += entry("--version", "The versions of millrace and librdkafka");
  page += '\n';
  page += wrapped(
      "Options come from the command line; else from the environment, --window-rows from "
      "MILLRACE_WINDOW_ROWS; else from the TOML file of --config.",
      0, 0);
  page += "\nExample\n  millrace demo\n";
  return page;
}

std::string command_page(Command command) {
  const CommandDescription& description = describe(command);
  std::string page = usage(description) + '\n' + wrapped(fmt::format("{}.", description.sentence), 0, 0);
  for (const OptionGroup group : {OptionGroup::kafka, OptionGroup::rows, OptionGroup::windows,
                                  OptionGroup::training, OptionGroup::state, OptionGroup::output}) {
    std::string entries;
    for (const Option& option : option_table()) {
      if (option.group == group && option.commands.contains(command))
        entries += option_entry(option, command);
    }
    if (!entries.empty()) page += fmt::format("\n{}\n{}", title_of(group), entries);
  }
  page += "\nExample\n" + example(description.example);
  return page;
}

std::string version_page() {
  return fmt::format("millrace {} (librdkafka {})\n", MILLRACE_VERSION, rd_kafka_version_str());
}

}  // namespace millrace
