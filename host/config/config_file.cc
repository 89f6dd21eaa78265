#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <toml.hpp>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "config/nearest_name.h"
#include "config/option_table.h"
#include "config/setting_sources.h"

namespace millrace {

namespace {

using TomlValue = toml::basic_value<toml::discard_comments, std::map, std::vector>;

constexpr std::string_view kPropertyTable = "kafka";

std::string contents_of(const std::string& path, const std::string& written) {
  const auto refuse = [&](int error) {
    throw OptionError(OptionError::Kind::invalid, written, path,
                      fmt::format("the file cannot be read: {}", std::strerror(error)));
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) refuse(EISDIR);
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) refuse(errno);
  std::string contents((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) refuse(EIO);
  return contents;
}

// Reads one file for one command; knows the file's name, for errors.
class ConfigReader {
 public:
  ConfigReader(std::string path, Command command) : path_(std::move(path)), command_(command) {}

  ConfigFile read(const std::string& contents) const {
    ConfigFile file;
    const TomlValue root = parse(contents);
    for (const auto& [key, value] : root.as_table()) {
      if (key == kPropertyTable) {
        if (!value.is_table()) throw refuse(key, value, "expected the table [kafka]");
        read_properties("", value, file.properties);
      } else {
        const Option* const option = find_option(key, command_);
        if (option != nullptr && has_file_key(*option)) {
          file.texts[key] = {option_text(*option, key, value), written(key, value)};
        } else {
          check_known(key, value);
        }
      }
    }
    return file;
  }

 private:
  TomlValue parse(const std::string& contents) const {
    std::istringstream stream(contents);
    try {
      return toml::parse<toml::discard_comments, std::map, std::vector>(stream, path_);
    } catch (const toml::exception& error) {
      // The library's own message quotes the line, and the line may hold a password.
      throw OptionError(OptionError::Kind::invalid, fmt::format("{}:{}", path_, error.location().line()), "",
                        "this is not TOML; expected key = value, each key once, with texts in double quotes");
    }
  }

  std::string written(std::string_view key, const TomlValue& value) const {
    return fmt::format("{} in {}:{}", key, path_, value.location().line());
  }

  // An option of another command, perhaps.
  void check_known(const std::string& key, const TomlValue& value) const {
    std::vector<std::string> known = {std::string(kPropertyTable)};
    for (const Option& option : option_table()) {
      if (!has_file_key(option)) continue;
      if (option.name == key) return;
      known.emplace_back(option.name);
    }
    throw OptionError(OptionError::Kind::unknown, written(key, value), "",
                      value.is_table() ? "the only table is [kafka]" : "no option has this name",
                      nearest_name(key, known));
  }

  // A value as it would stand on a command line.
  std::string option_text(const Option& option, std::string_view key, const TomlValue& value) const {
    if (!value.is_array()) return scalar_text(key, value);
    if (option.type != OptionType::list) throw refuse(key, value, "expected one value, not an array");
    std::string items;
    for (const TomlValue& item : value.as_array()) {
      if (!items.empty()) items += ',';
      items += scalar_text(key, item);
    }
    return items;
  }

  std::string scalar_text(std::string_view key, const TomlValue& value) const {
    if (value.is_string()) return value.as_string().str;
    if (value.is_integer()) return fmt::format("{}", value.as_integer());
    if (value.is_floating()) return fmt::format("{}", value.as_floating());
    if (value.is_boolean()) return value.as_boolean() ? "true" : "false";
    throw refuse(key, value, "expected a text in double quotes, a number, true or false");
  }

  // `security.protocol = "SSL"` without quotes around the key makes tables within tables.
  void read_properties(const std::string& prefix, const TomlValue& table,
                       std::vector<GivenProperty>& properties) const {
    for (const auto& [key, value] : table.as_table()) {
      const std::string name = prefix + key;
      if (value.is_table()) {
        read_properties(name + '.', value, properties);
      } else {
        properties.push_back({name, scalar_text(name, value), written(name, value)});
      }
    }
  }

  OptionError refuse(std::string_view key, const TomlValue& value, const char* reason) const {
    return {OptionError::Kind::invalid, written(key, value), "", reason};
  }

  const std::string path_;
  const Command command_;
};

}  // namespace

ConfigFile read_config_file(const std::string& path, const std::string& written, Command command) {
  return ConfigReader(path, command).read(contents_of(path, written));
}

}  // namespace millrace
