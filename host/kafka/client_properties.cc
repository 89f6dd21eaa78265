#include "kafka/client_properties.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>

#include "millrace/errors.h"

#include "config/client_property.h"

namespace millrace {
namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return lower;
}

bool lists_feature(std::string_view features, std::string_view wanted) {
  while (!features.empty()) {
    const std::size_t comma = std::min(features.find(','), features.size());
    if (features.substr(0, comma) == wanted) return true;
    features.remove_prefix(std::min(comma + 1, features.size()));
  }
  return false;
}

// A property whose value contains `fragment` needs `feature` of librdkafka.
struct FeatureNeed {
  std::string_view property;
  std::string_view fragment;  // in lower case
  std::string_view feature;
  std::string_view meaning;
};

constexpr std::array kFeatureNeeds{
    FeatureNeed{"security.protocol", "ssl", "ssl", "TLS"},
    FeatureNeed{"security.protocol", "sasl", "sasl", "SASL"},
    FeatureNeed{"sasl.mechanisms", "plain", "sasl_plain", "SASL PLAIN"},
    FeatureNeed{"sasl.mechanisms", "scram", "sasl_scram", "SASL SCRAM"},
    FeatureNeed{"sasl.mechanisms", "gssapi", "sasl_gssapi", "SASL GSSAPI (Kerberos)"},
    FeatureNeed{"sasl.mechanisms", "oauthbearer", "sasl_oauthbearer", "SASL OAUTHBEARER"},
    FeatureNeed{"sasl.mechanism", "plain", "sasl_plain", "SASL PLAIN"},
    FeatureNeed{"sasl.mechanism", "scram", "sasl_scram", "SASL SCRAM"},
    FeatureNeed{"sasl.mechanism", "gssapi", "sasl_gssapi", "SASL GSSAPI (Kerberos)"},
    FeatureNeed{"sasl.mechanism", "oauthbearer", "sasl_oauthbearer", "SASL OAUTHBEARER"},
    FeatureNeed{"sasl.oauthbearer.method", "oidc", "oidc", "OpenID Connect"},
    FeatureNeed{"compression.codec", "zstd", "zstd", "zstd compression"},
    FeatureNeed{"compression.type", "zstd", "zstd", "zstd compression"},
};

}  // namespace

ConfOwner make_conf() { return ConfOwner(rd_kafka_conf_new()); }

void set_properties(rd_kafka_conf_t* conf, const KafkaProperties& properties) {
  std::array<char, 512> reason{};
  for (const auto& [name, value] : properties) {
    const rd_kafka_conf_res_t result =
        rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size());
    if (result == RD_KAFKA_CONF_OK) continue;
    if (result == RD_KAFKA_CONF_UNKNOWN) {
      throw OptionError(OptionError::Kind::unknown, "-X " + name, "", "librdkafka has no such property");
    }
    // librdkafka's reason quotes the value.
    const bool secret = may_be_secret(name);
    throw OptionError(OptionError::Kind::invalid, "-X " + name, secret ? "" : value,
                      secret ? "librdkafka does not take this value" : reason.data());
  }
}

std::string builtin_features() {
  const ConfOwner conf = make_conf();
  std::array<char, 512> features{};
  std::size_t size = features.size();
  if (rd_kafka_conf_get(conf.get(), "builtin.features", features.data(), &size) != RD_KAFKA_CONF_OK)
    return {};
  return features.data();
}

void check_features(std::string_view features, const KafkaProperties& properties) {
  for (const auto& [name, value] : properties) {
    for (const FeatureNeed& need : kFeatureNeeds) {
      if (name != need.property || lower_case(value).find(need.fragment) == std::string::npos) continue;
      if (lists_feature(features, need.feature)) continue;
      throw OptionError(OptionError::Kind::invalid, "-X " + name, value,
                        fmt::format("librdkafka {} was built without {}; it has {}", rd_kafka_version_str(),
                                    need.meaning, features));
    }
  }
}

}  // namespace millrace
