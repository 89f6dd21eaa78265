#include <string>
#include <string_view>
#include <vector>

#include "millrace/errors.h"

#include "config/nearest_name.h"
#include "config/option_table.h"
#include "config/setting_sources.h"

namespace millrace {

namespace {

constexpr std::string_view kPrefix = "MILLRACE_";
// No option's: options are shown, as by `ps`.
constexpr std::string_view kSecret = "MILLRACE_SCHEMA_REGISTRY_SECRET";

OptionError unknown_variable(std::string_view name) {
  std::vector<std::string> known;
  for (const Option& option : option_table()) {
    if (has_variable(option)) known.push_back(variable_of(option));
  }
  return {OptionError::Kind::unknown, std::string(name), "", "no option has this environment variable",
          nearest_name(name, known, kPrefix)};
}

}  // namespace

GivenTexts read_environment(const char* const* environment) {
  GivenTexts texts;
  for (const char* const* entry = environment; *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    if (!variable.starts_with(kPrefix)) continue;
    const std::size_t equals = variable.find('=');
    const std::string_view name = variable.substr(0, equals);
    if (name == kSecret) continue;
    const Option* known = nullptr;
    for (const Option& option : option_table()) {
      if (has_variable(option) && variable_of(option) == name) known = &option;
    }
    if (known == nullptr) throw unknown_variable(name);
    const std::string_view text = equals == std::string_view::npos ? "" : variable.substr(equals + 1);
    if (!text.empty()) texts[std::string(known->name)] = {std::string(text), std::string(name)};
  }
  return texts;
}

}  // namespace millrace
