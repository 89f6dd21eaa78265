#include <fmt/format.h>
#include <string>
#include <string_view>

#include "config/client_property.h"
#include "config/option_table.h"
#include "config/option_value.h"
#include "config/options.h"

namespace millrace {

namespace {

constexpr std::string_view kIntroduction = R"(# Options

This page is generated: `millrace options-markdown > docs/options.md`.

The value of an option comes from the first of these places that has one:

1. the command line: `--window-rows 8192` or `--window-rows=8192`;
2. the environment: `MILLRACE_WINDOW_ROWS=8192`; a variable that is empty counts as not set, and flags are
   `true` or `false`;
3. the TOML file that `--config FILE` (or `MILLRACE_CONFIG`) names: `window-rows = 8192`;
4. the default.

Durations are whole milliseconds. Byte sizes are whole numbers, or whole numbers with KiB, MiB or GiB. Lists have
commas between their items; in the file they may be arrays. The environment and the file may hold options of any
command; those that a command does not take, it leaves alone. A name that is unknown anywhere is an error.

)";

constexpr std::string_view kPropertyIntroduction = R"(## Properties of librdkafka

`-X key=value` sets any property of librdkafka, as often as it is given. In the file they stand in the table
`[kafka]`; where both set one, `-X` wins. Keep passwords in a file that only its owner can read: a command line
is visible to every user of the machine. Values of properties that may be secret never appear in messages.

```toml
brokers = "kafka.example.com:9093"
topic = ["clicks", "views"]
window-rows = 8192

[kafka]
security.protocol = "SASL_SSL"
sasl.mechanism = "PLAIN"
sasl.username = "reader"
sasl.password = "..."
```

These belong to millrace, which refuses them:

| property | why |
|---|---|
)";

// A `|` would end the cell of a table.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    if (letter == '|') escaped += '\\';
    escaped += letter;
  }
  return escaped;
}

std::string row(const Option& option) {
  const std::string flag =
      option.metavar.empty() ? flag_of(option) : fmt::format("{} {}", flag_of(option), option.metavar);
  const bool says_more = option.range.bounded();
  return fmt::format("| `{}` | {} | {} | {}{}. |\n", cell(flag), takers(option),
                     option.default_text.empty() ? "" : fmt::format("`{}`", option.default_text),
                     cell(option.sentence), says_more ? fmt::format("; {}", expectation_of(option)) : "");
}

}  // namespace

std::string options_markdown() {
  std::string page(kIntroduction);
  page += "## Commands\n\n| command | what it does | example |\n|---|---|---|\n";
  for (const CommandDescription& command : command_table()) {
    if (command.hidden) continue;
    page += fmt::format("| `millrace {}{}{}` | {}. | `{}` |\n", command.name,
                        command.positional.empty() ? "" : " ", cell(command.positional), command.sentence,
                        cell(command.example));
  }
  page +=
      "\nEach command has `--help`; `millrace --version` prints versions. A star marks the commands that "
      "need an option"
      " (`inspect` only where it is given no folder or file).\n\n";
  for (const OptionGroup group : {OptionGroup::kafka, OptionGroup::rows, OptionGroup::windows,
                                  OptionGroup::training, OptionGroup::state, OptionGroup::output}) {
    page += fmt::format("## {}\n\n| option | commands | default | what it sets |\n|---|---|---|---|\n",
                        title_of(group));
    for (const Option& option : option_table()) {
      if (option.group == group) page += row(option);
    }
    page += '\n';
  }
  page += kPropertyIntroduction;
  for (const OwnedProperty& owned : owned_properties()) {
    page += fmt::format("| `{}` | {} |\n", owned.name, owned.remedy);
  }
  return page;
}

}  // namespace millrace
