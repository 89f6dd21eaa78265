#include "config/man_page.h"

#include <fmt/format.h>
#include <string>
#include <string_view>

#include "config/exit_code_table.h"
#include "config/option_table.h"
#include "config/option_value.h"

namespace millrace {

namespace {

constexpr std::string_view kAfterOptions = R"(.SH ENVIRONMENT
.TP
.B MILLRACE_OPTION
Any option but
.BR \-X ,
in capitals and with underscores:
.B MILLRACE_WINDOW_ROWS
for
.BR \-\-window\-rows .
The command line wins over it, and it wins over the file of
.BR \-\-config .
Flags are true or false here; a variable that is empty counts as not set.
.TP
.B NO_COLOR
Not empty: no colours on a terminal.
.SH FILES
.TP
.IR DIR " of " \-\-state
The state folder: checkpoints, which hold weights and positions together, and the journal of the windows since.
.TP
.IR FILE " of " \-\-config
Options in TOML, by their names without dashes, and a table [kafka] of properties of librdkafka.
)";

// For text lines of roff: hyphens that can be copied, and no line that begins a request.
std::string roff(std::string_view text) {
  std::string result;
  if (text.starts_with('.') || text.starts_with('\'')) result = "\\&";
  for (const char letter : text) {
    switch (letter) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '`':
        result += "\\(ga";
        break;
      case '\'':
        result += "\\(aq";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

std::string entry(const Option& option) {
  std::string page = fmt::format(".TP\n\\fB{}\\fR", roff(flag_of(option)));
  if (!option.metavar.empty()) page += fmt::format(" \\fI{}\\fR", roff(option.metavar));
  std::string text = fmt::format("({}) {}", takers(option), option.sentence);
  if (option.range.bounded()) text += "; " + expectation_of(option);
  if (!option.default_text.empty()) text += fmt::format(" (default {})", option.default_text);
  return page + '\n' + roff(text + '.') + '\n';
}

std::string commands() {
  std::string page;
  for (const CommandDescription& command : command_table()) {
    if (command.hidden) continue;
    page += fmt::format(".TP\n\\fB{}\\fR", roff(command.name));
    if (!command.positional.empty()) page += fmt::format(" \\fI{}\\fR", roff(command.positional));
    page += fmt::format("\n{}.\n", roff(command.sentence));
  }
  return page;
}

std::string exit_codes() {
  std::string page;
  for (const ExitCodeDescription& each : exit_code_table())
    page += fmt::format(".TP\n.B {}\n{}.\n", static_cast<int>(each.code), roff(each.meaning));
  return page;
}

std::string examples() {
  std::string page = ".nf\n";
  for (const CommandDescription& command : command_table()) {
    if (!command.hidden) page += roff(command.example) + '\n';
  }
  return page + ".fi\n";
}

}  // namespace

std::string man_page() {
  std::string page = fmt::format(
      ".TH MILLRACE 1 \"\" \"millrace {}\" \"User Commands\"\n"
      ".SH NAME\nmillrace \\- train neural networks on Apache Kafka topics as they flow\n"
      ".SH SYNOPSIS\n.B millrace\n.I COMMAND\n.RI [ options ]\n.br\n.B millrace\n.RI [ COMMAND ]\n"
      ".B \\-\\-help\n.br\n.B millrace \\-\\-version\n.SH COMMANDS\n{}"
      ".SH OPTIONS\nBefore each stand the commands that take it; a star marks those that need it.\n",
      MILLRACE_VERSION, commands());
  for (const OptionGroup group : {OptionGroup::kafka, OptionGroup::rows, OptionGroup::windows,
                                  OptionGroup::training, OptionGroup::state, OptionGroup::output}) {
    page += fmt::format(".SS {}\n", title_of(group));
    for (const Option& option : option_table()) {
      if (option.group == group) page += entry(option);
    }
  }
  return fmt::format("{}{}.SH EXIT STATUS\n{}.SH EXAMPLES\n{}", page, kAfterOptions, exit_codes(),
                     examples());
}

}  // namespace millrace
