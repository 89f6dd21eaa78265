// The one table of commands and options. Flags, environment variables, configuration keys, help pages and
// docs/options.md all come from it. Constant data; any thread may read it.
//
// Invariants: (1) a name means one option per command: two entries of one name share no command; (2) every
// default is a valid value of its own type and range.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "config/options.h"

namespace millrace {

enum class OptionType {
  text,
  choice,  // one of the words of the metavar: "auto|cuda|cpu"
  integer,
  number,
  flag,
  milliseconds,  // a whole number; the unit is in the option's name
  bytes,         // a whole number, or one with KiB, MiB, GiB
  list,          // separated by commas; with a range, of whole numbers
  property,      // key=value, may be repeated
};

// Inclusive, unless open.
struct OptionRange {
  static constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  double low = -kUnbounded;
  double high = kUnbounded;
  bool open_low = false;
  bool open_high = false;

  [[nodiscard]] constexpr bool bounded() const { return low != -kUnbounded || high != kUnbounded; }
  [[nodiscard]] constexpr bool contains(double value) const {
    return (open_low ? value > low : value >= low) && (open_high ? value < high : value <= high);
  }
};

// A set of commands.
struct CommandSet {
  unsigned bits = 0;
  [[nodiscard]] constexpr bool contains(Command command) const {
    return (bits >> static_cast<unsigned>(command) & 1U) != 0;
  }
};

template <typename... Commands>
[[nodiscard]] constexpr CommandSet only(Commands... commands) {
  return {(0U | ... | (1U << static_cast<unsigned>(commands)))};
}

enum class OptionGroup { kafka, rows, windows, training, state, output };

struct Option {
  std::string_view name;  // without dashes: "window-rows"
  OptionType type;
  std::string_view metavar;  // empty for flags
  OptionGroup group;
  CommandSet commands;  // that take it
  CommandSet required;  // that cannot do without it, unless they were given their positional argument
  std::string_view default_text;  // empty: none
  OptionRange range;
  std::string_view sentence;  // without a final full stop
};

struct CommandDescription {
  Command command;
  std::string_view name;
  std::string_view sentence;    // without a final full stop
  std::string_view positional;  // metavar of the one positional argument, or empty
  std::string_view example;     // a whole command line
  bool hidden;                  // left out of help pages and documents
};

[[nodiscard]] std::span<const Option> option_table();
[[nodiscard]] std::span<const CommandDescription> command_table();

[[nodiscard]] const Option* find_option(std::string_view name,
                                        Command command);  // null: it takes no such one
[[nodiscard]] const CommandDescription& describe(Command command);
[[nodiscard]] std::string_view title_of(OptionGroup group);

[[nodiscard]] std::string flag_of(const Option& option);      // "--window-rows", "-X"
[[nodiscard]] std::string variable_of(const Option& option);  // "MILLRACE_WINDOW_ROWS"
[[nodiscard]] std::string takers(const Option& option);       // "produce*, train": a star where it is needed

// Where a value may come from besides the command line.
[[nodiscard]] bool has_variable(const Option& option);  // all but -X
[[nodiscard]] bool has_file_key(
    const Option& option);  // all but -X, which is the table [kafka], and --config

}  // namespace millrace
