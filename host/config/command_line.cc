#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "config/help.h"
#include "config/nearest_name.h"
#include "config/option_table.h"
#include "config/setting_sources.h"

namespace millrace {

namespace {

using Kind = OptionError::Kind;

const CommandDescription& find_command(std::string_view word) {
  std::vector<std::string> known;
  for (const CommandDescription& command : command_table()) {
    if (command.name == word) return command;
    if (!command.hidden) known.emplace_back(command.name);
  }
  const std::string expected = fmt::format("expected one of {}", fmt::join(known, ", "));
  if (word.starts_with('-'))
    throw OptionError(Kind::missing, "the command", "", expected + " before any option");
  throw OptionError(Kind::unknown, std::string(word), "", "no command has this name; " + expected,
                    nearest_name(word, known));
}

// The arguments after the command, as CLI11 sees them: nothing but texts.
class CommandArguments {
 public:
  explicit CommandArguments(const CommandDescription& command) : command_(command) {
    parser_.set_help_flag();
    parser_.allow_extras();
    help_ = parser_.add_flag("-h,--help");
    for (const Option& option : option_table()) {
      if (!option.commands.contains(command.command)) continue;
      CLI::Option* const parsed =
          option.type == OptionType::flag
              ? parser_.add_flag(flag_of(option))
              : parser_.add_option(flag_of(option))->expected(1)->allow_extra_args(false);
      parsed->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      parsed_.emplace_back(&option, parsed);
    }
  }

  CommandLine parse(std::vector<std::string> arguments) {
    // CLI11 takes `--name=` for `--name` and then the next argument for its value.
    for (const std::string& argument : arguments) {
      if (argument == "--") break;
      if (argument.starts_with("--") && argument.ends_with('=') &&
          is_option(argument.substr(0, argument.size() - 1))) {
        throw no_value(argument.substr(0, argument.size() - 1));
      }
    }
    std::ranges::reverse(arguments);
    try {
      parser_.parse(std::move(arguments));
    } catch (const CLI::ArgumentMismatch& error) {
      const std::string_view message(error.what());  // "--name: 1 required TEXT missing"
      throw no_value(std::string(message.substr(0, message.find(':'))));
    } catch (const CLI::ParseError& error) {
      throw OptionError(Kind::invalid, "the command line", "", error.what());
    }
    CommandLine line;
    line.command = command_.command;
    if (help_->count() > 0) {
      line.page = command_page(command_.command);
      return line;
    }
    take_texts(line);
    take_positional(line);
    return line;
  }

 private:
  void take_texts(CommandLine& line) const {
    for (const auto& [option, parsed] : parsed_) {
      const std::string flag = flag_of(*option);
      for (const std::string& text : parsed->results()) {
        if (option->type != OptionType::flag && is_option(text)) throw no_value(flag);
        if (option->type == OptionType::property) {
          line.properties.push_back(property(text));
        } else if (!line.texts.emplace(option->name, GivenText{text, flag}).second) {
          throw OptionError(Kind::conflict, flag, "", "it is given more than once");
        }
      }
    }
  }

  void take_positional(CommandLine& line) const {
    bool options_ended = false;
    for (const std::string& argument : parser_.remaining()) {
      if (argument == "--" && !options_ended) {
        options_ended = true;
      } else if (argument.starts_with('-') && argument.size() > 1 && !options_ended) {
        throw unknown_option(argument.substr(0, argument.find('=')));
      } else if (command_.positional.empty() || !line.positional.empty()) {
        throw OptionError(
            Kind::conflict, argument, "",
            fmt::format("`millrace {}` does not know what to do with this argument", command_.name));
      } else {
        line.positional.push_back(argument);
      }
    }
  }

  // `-X key=value`; the value may hold further equals signs. After `-X key= value` the value would stand
  // alone, and an error about it would show it.
  static GivenProperty property(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw OptionError(Kind::invalid, "-X", "", "expected key=value, for example security.protocol=SSL");
    }
    const std::string name = text.substr(0, equals);
    if (equals + 1 == text.size()) {
      throw OptionError(Kind::invalid, "-X " + name, "", "expected a value right after the equals sign");
    }
    return {name, text.substr(equals + 1), "-X " + name};
  }

  bool is_option(std::string_view argument) const {
    return argument == "-h" || argument == "--help" ||
           std::ranges::any_of(parsed_, [&](const auto& entry) { return flag_of(*entry.first) == argument; });
  }

  static OptionError no_value(const std::string& flag) {
    return {Kind::missing, "the value of " + flag, "", "expected one after it"};
  }

  OptionError unknown_option(const std::string& written) const {
    std::vector<std::string> own;
    std::string owners;
    for (const Option& option : option_table()) {
      if (option.commands.contains(command_.command) && option.type != OptionType::property)
        own.push_back(flag_of(option));
      if (flag_of(option) != written) continue;
      for (const CommandDescription& command : command_table()) {
        if (!option.commands.contains(command.command)) continue;
        owners += fmt::format("{}`millrace {}`", owners.empty() ? "" : ", ", command.name);
      }
    }
    if (!owners.empty()) {
      return {Kind::unknown, written, "",
              fmt::format("`millrace {}` has no such option; it is one of {}", command_.name, owners)};
    }
    own.emplace_back("--help");
    return {Kind::unknown, written, "", fmt::format("`millrace {}` has no such option", command_.name),
            nearest_name(written, own, "--")};
  }

  const CommandDescription& command_;
  CLI::App parser_;
  CLI::Option* help_ = nullptr;
  std::vector<std::pair<const Option*, CLI::Option*>> parsed_;
};

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.empty()) {
    throw OptionError(Kind::missing, "the command", "", "see `millrace --help`");
  }
  CommandLine line;
  if (arguments.front() == "-h" || arguments.front() == "--help") {
    line.page = program_page();
    return line;
  }
  if (arguments.front() == "--version") {
    line.page = version_page();
    return line;
  }
  const CommandDescription& command = find_command(arguments.front());
  arguments.erase(arguments.begin());
  return CommandArguments(command).parse(std::move(arguments));
}

}  // namespace millrace
