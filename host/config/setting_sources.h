// The three places that settings come from, each read into the same form: texts that are not checked against
// types yet, with names that are known to be options.
//
// A name that is no option of any command is an OptionError from each of them. The environment and a file may
// hold options of other commands, because several commands share them; a command line may not.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/options.h"

namespace millrace {

struct GivenText {
  std::string text;
  std::string written;  // how the user named the option, for errors
};
using GivenTexts = std::map<std::string, GivenText, std::less<>>;  // by option name

struct GivenProperty {
  std::string name;
  std::string value;
  std::string written;
};

struct CommandLine {
  std::string page;  // not empty: a help page or the version was asked for; nothing else is set
  Command command = Command::options_markdown;
  GivenTexts texts;
  std::vector<GivenProperty> properties;
  std::vector<std::string> positional;
};
[[nodiscard]] CommandLine parse_command_line(int argc, const char* const* argv);

// Variables that begin with MILLRACE_; one that is empty counts as not set.
[[nodiscard]] GivenTexts read_environment(const char* const* environment);

struct ConfigFile {
  GivenTexts texts;
  std::vector<GivenProperty> properties;  // of the table [kafka]
};
// The options of `command`; those of other commands are left alone. `written` names the option that gave the
// path.
[[nodiscard]] ConfigFile read_config_file(const std::string& path, const std::string& written,
                                          Command command);

}  // namespace millrace
