// Properties of librdkafka that a user sets with `-X key=value` or in the file's table [kafka].
//
// No value of a property that may be secret appears in an error, and none at all where the name is unknown: a
// misspelt name may hide a password. Any thread may call these.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace {

// Throws OptionError unless librdkafka knows the property, takes the value, and leaves it to users; `written`
// is how the user named it: `-X security.protocol`, `security.protocol in millrace.toml:7`.
void check_client_property(const std::string& name, const std::string& value, const std::string& written);

// Passwords, secrets, keys, tokens and what may contain them.
[[nodiscard]] bool may_be_secret(std::string_view property);

// A property that millrace sets itself, and what to do instead. A name that ends in `.*` stands for all that
// begin so.
struct OwnedProperty {
  std::string_view name;
  std::string_view remedy;
};
[[nodiscard]] std::span<const OwnedProperty> owned_properties();

}  // namespace millrace
