// What the user asked for: flags, environment and configuration file resolved into one set of values.
//
// Made once by main, then handed to one command. Only the commands of host/app read it: they fill the small
// structs of the rooms below, which never see it. Immutable, so any thread may read it.
// Invariants:
// (1) an option comes from the command line; else from its environment variable; else from the file; else it
//     has the default of option_table.h;
// (2) every value was checked against the type and the range of the table, whatever it came from;
// (3) client properties are names and values that librdkafka takes, and none that the program itself owns;
// (4) asking for an option that the command does not take, or for another type, is a std::logic_error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace {

enum class Command {
  produce,
  train,
  evaluate,
  predict,
  inspect,
  replay,
  export_model,
  import_model,
  bench,
  demo,
  doctor,
  completion,
  man_page,
  options_markdown,
  metrics_markdown
};

// A checked value, by type: flag; integer, duration in milliseconds or byte size; number; list.
// Texts and choices have none beyond their text.
using OptionValue = std::variant<std::monostate, bool, std::int64_t, double, std::vector<std::string>>;

struct OptionSetting {
  std::string text;     // as given, or the default
  std::string written;  // how the user named it: `--stop`, `MILLRACE_STOP`, `stop in millrace.toml:3`
  OptionValue value;
  bool given = false;  // false: this is the default
};

using ClientProperties = std::vector<std::pair<std::string, std::string>>;

class OptionValues {
 public:
  using Settings = std::map<std::string, OptionSetting, std::less<>>;  // only options with a value

  // A page to print: no command runs.
  explicit OptionValues(std::string page) : page_(std::move(page)) {}
  OptionValues(Command command, Settings settings, ClientProperties properties,
               std::vector<std::string> positional)
      : command_(command),
        settings_(std::move(settings)),
        client_properties_(std::move(properties)),
        positional_(std::move(positional)) {}

  // Not empty: `--help` or `--version` was asked for, and this answers it.
  [[nodiscard]] const std::string& page() const { return page_; }
  [[nodiscard]] Command command() const { return command_; }

  // Given anywhere, not only by default.
  [[nodiscard]] bool given(std::string_view name) const;
  // How the user named an option, for errors about its value: `--stop`, `MILLRACE_STOP`.
  [[nodiscard]] std::string written(std::string_view name) const;

  [[nodiscard]] const std::string& text(std::string_view name) const;  // of any type; empty without a value
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;  // empty without a value
  // These three need a value: a default, or one that was given.
  [[nodiscard]] std::int64_t integer(std::string_view name) const;  // integers and byte sizes
  [[nodiscard]] double number(std::string_view name) const;
  [[nodiscard]] std::chrono::milliseconds duration(std::string_view name) const;

  // `-X` and the file's `[kafka]`, merged; each name once.
  [[nodiscard]] const ClientProperties& client_properties() const { return client_properties_; }
  [[nodiscard]] const std::vector<std::string>& positional() const { return positional_; }

 private:
  [[nodiscard]] const OptionSetting* find(std::string_view name) const;
  template <typename T>
  [[nodiscard]] const T& value_of(std::string_view name) const;

  Command command_ = Command::options_markdown;
  Settings settings_;
  ClientProperties client_properties_;
  std::vector<std::string> positional_;
  std::string page_;
};

// `environment` is a null-terminated list of NAME=VALUE, as main gets it. Throws OptionError.
[[nodiscard]] OptionValues resolve_options(int argc, const char* const* argv, const char* const* environment);

// docs/options.md.
[[nodiscard]] std::string options_markdown();

}  // namespace millrace
