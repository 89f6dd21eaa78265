#include "config/client_property.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <new>
#include <sstream>
#include <vector>

#include "millrace/errors.h"

#include "config/nearest_name.h"

namespace millrace {

namespace {

constexpr std::array kOwnedProperties = {
    OwnedProperty{"bootstrap.servers", "use --brokers instead"},
    OwnedProperty{"metadata.broker.list", "use --brokers instead"},
    OwnedProperty{"group.id", "use --group instead"},
    OwnedProperty{"auto.offset.reset", "use --from instead"},
    OwnedProperty{"partitioner", "use --partitioner instead"},
    OwnedProperty{"enable.auto.*", "offsets are committed after each checkpoint, see --checkpoint-ms"},
    OwnedProperty{"auto.commit.*", "offsets are committed after each checkpoint, see --checkpoint-ms"},
    OwnedProperty{"enable.partition.eof", "millrace needs it to know the end of a partition, see --stop"},
    OwnedProperty{"isolation.level", "millrace reads committed records only"},
    OwnedProperty{"queued.*", "use --memory-bytes instead"},
};

bool stands_for(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with(".*")) return pattern == name;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

// Null: the property is the user's.
const OwnedProperty* find_owned(std::string_view name) {
  const auto owned = std::ranges::find_if(
      kOwnedProperties, [&](const OwnedProperty& entry) { return stands_for(entry.name, name); });
  return owned == kOwnedProperties.end() ? nullptr : &*owned;
}

// Every property that can be set from a text. The dumps of a configuration leave out properties without a
// value, the passwords and certificates among them; the printed reference has them all, a line each:
// `name | C/P | range | default | importance | description <br>*Type: string*`.
std::vector<std::string> settable_properties() {
  char* text = nullptr;
  std::size_t bytes = 0;
  FILE* const memory = open_memstream(&text, &bytes);
  if (memory == nullptr) throw std::bad_alloc();
  rd_kafka_conf_properties_show(memory);
  std::fclose(memory);
  const std::unique_ptr<char, decltype(&std::free)> owned(text, &std::free);

  std::istringstream lines(std::string(text, bytes));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    const bool from_code = line.find("see dedicated API*") != std::string::npos;
    if (from_code || line.find("*Type: ") == std::string::npos) continue;
    const std::string name = line.substr(0, line.find(' '));
    if (find_owned(name) == nullptr) names.push_back(name);
  }
  return names;
}

struct Answer {
  rd_kafka_conf_res_t result;
  std::string complaint;
};

Answer ask_librdkafka(const std::string& name, const std::string& value) {
  const std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(),
                                                                                &rd_kafka_conf_destroy);
  std::array<char, 512> complaint{};
  const rd_kafka_conf_res_t result =
      rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), complaint.data(), complaint.size());
  return {result, complaint.data()};
}

}  // namespace

bool may_be_secret(std::string_view property) {
  constexpr std::array<std::string_view, 8> kSigns = {"password", "secret", "key",   "jaas",
                                                      "token",    "pem",    "oauth", "credential"};
  std::string lower(property);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return std::ranges::any_of(kSigns,
                             [&](std::string_view sign) { return lower.find(sign) != std::string::npos; });
}

std::span<const OwnedProperty> owned_properties() { return kOwnedProperties; }

void check_client_property(const std::string& name, const std::string& value, const std::string& written) {
  if (const OwnedProperty* const owned = find_owned(name); owned != nullptr) {
    throw OptionError(OptionError::Kind::conflict, written, "",
                      fmt::format("millrace sets this property itself: {}", owned->remedy));
  }
  switch (const Answer answer = ask_librdkafka(name, value); answer.result) {
    case RD_KAFKA_CONF_OK:
      return;
    case RD_KAFKA_CONF_UNKNOWN:
      throw OptionError(OptionError::Kind::unknown, written, "",
                        fmt::format("librdkafka {} has no such property", rd_kafka_version_str()),
                        nearest_name(name, settable_properties()));
    case RD_KAFKA_CONF_INVALID:
      if (!may_be_secret(name)) {
        throw OptionError(OptionError::Kind::invalid, written, value, "librdkafka says: " + answer.complaint);
      }
  }
  // A complaint may quote the value; one about another value cannot quote this one.
  const Answer harmless = ask_librdkafka(name, "-");
  throw OptionError(OptionError::Kind::invalid, written, "",
                    harmless.result == RD_KAFKA_CONF_OK
                        ? "librdkafka does not take this value, which is not shown"
                        : "librdkafka says: " + harmless.complaint);
}

}  // namespace millrace
