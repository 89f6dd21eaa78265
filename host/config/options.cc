#include "config/options.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

#include "millrace/errors.h"

#include "config/client_property.h"
#include "config/option_table.h"
#include "config/option_value.h"
#include "config/setting_sources.h"

namespace millrace {

namespace {

// Adds `later` sources after `first` ones: an option that is there already stays as it is.
void add_missing(GivenTexts& first, GivenTexts later) { first.merge(later); }

const GivenText* find(const GivenTexts& texts, std::string_view name) {
  const auto found = texts.find(name);
  return found == texts.end() ? nullptr : &found->second;
}

OptionError missing(const Option& option, Command command) {
  const CommandDescription& description = describe(command);
  const std::string alternative = description.positional.empty()
                                      ? std::string()
                                      : fmt::format(" where no {} is given", description.positional);
  return {OptionError::Kind::missing, flag_of(option), "",
          fmt::format("`millrace {}` needs {} {}{}", description.name, flag_of(option), option.metavar,
                      alternative)};
}

OptionValues::Settings check_settings(const CommandLine& line, const GivenTexts& texts) {
  OptionValues::Settings settings;
  for (const Option& option : option_table()) {
    if (!option.commands.contains(line.command) || option.type == OptionType::property) continue;
    const GivenText* const given = find(texts, option.name);
    if (given == nullptr && option.default_text.empty()) {
      if (!option.required.contains(line.command) || !line.positional.empty()) continue;
      throw missing(option, line.command);
    }
    const std::string written = given != nullptr ? given->written : flag_of(option);
    const std::string text = given != nullptr ? given->text : std::string(option.default_text);
    settings[std::string(option.name)] = {text, written, parse_option_value(option, text, written),
                                          given != nullptr};
  }
  return settings;
}

// Those of the file first, so that librdkafka, which knows some properties under two names, sees the command
// line's last.
ClientProperties check_properties(const std::vector<GivenProperty>& from_file,
                                  const std::vector<GivenProperty>& from_command_line) {
  ClientProperties properties;
  const auto add = [&properties](const GivenProperty& given) {
    check_client_property(given.name, given.value, given.written);
    std::erase_if(properties, [&](const auto& property) { return property.first == given.name; });
    properties.emplace_back(given.name, given.value);
  };
  std::ranges::for_each(from_file, add);
  std::ranges::for_each(from_command_line, add);
  return properties;
}

}  // namespace

OptionValues resolve_options(int argc, const char* const* argv, const char* const* environment) {
  const CommandLine line = parse_command_line(argc, argv);
  if (!line.page.empty()) return OptionValues(line.page);
  GivenTexts texts = line.texts;
  add_missing(texts, read_environment(environment));
  ConfigFile file;
  if (const GivenText* const config = find(texts, "config");
      config != nullptr && find_option("config", line.command) != nullptr) {
    file = read_config_file(config->text, config->written, line.command);
    add_missing(texts, file.texts);
  }
  return {line.command, check_settings(line, texts), check_properties(file.properties, line.properties),
          line.positional};
}

const OptionSetting* OptionValues::find(std::string_view name) const {
  const auto found = settings_.find(name);
  if (found != settings_.end()) return &found->second;
  if (find_option(name, command_) != nullptr) return nullptr;
  throw std::logic_error(fmt::format("the command takes no option {}", name));
}

template <typename T>
const T& OptionValues::value_of(std::string_view name) const {
  const OptionSetting* const setting = find(name);
  if (setting == nullptr) throw std::logic_error(fmt::format("option {} has no value", name));
  if (!std::holds_alternative<T>(setting->value))
    throw std::logic_error(fmt::format("option {} has another type", name));
  return std::get<T>(setting->value);
}

bool OptionValues::given(std::string_view name) const {
  const OptionSetting* const setting = find(name);
  return setting != nullptr && setting->given;
}

std::string OptionValues::written(std::string_view name) const {
  const OptionSetting* const setting = find(name);
  return setting != nullptr ? setting->written : fmt::format("--{}", name);
}

const std::string& OptionValues::text(std::string_view name) const {
  static const std::string kNone;
  const OptionSetting* const setting = find(name);
  return setting != nullptr ? setting->text : kNone;
}

bool OptionValues::flag(std::string_view name) const { return find(name) != nullptr && value_of<bool>(name); }

std::vector<std::string> OptionValues::list(std::string_view name) const {
  if (find(name) == nullptr) return {};
  return value_of<std::vector<std::string>>(name);
}

std::int64_t OptionValues::integer(std::string_view name) const { return value_of<std::int64_t>(name); }

double OptionValues::number(std::string_view name) const { return value_of<double>(name); }

std::chrono::milliseconds OptionValues::duration(std::string_view name) const {
  return std::chrono::milliseconds(value_of<std::int64_t>(name));
}

}  // namespace millrace
