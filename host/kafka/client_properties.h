// librdkafka's configuration: made from properties, checked against what this build of librdkafka can do.
// Stateless; any thread. Errors: OptionError, which never carries a value that could be secret.
#pragma once

#include <librdkafka/rdkafka.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

using KafkaProperties = std::vector<std::pair<std::string, std::string>>;

struct ConfDestroyer {
  void operator()(rd_kafka_conf_t* conf) const noexcept { rd_kafka_conf_destroy(conf); }
};
using ConfOwner = std::unique_ptr<rd_kafka_conf_t, ConfDestroyer>;

[[nodiscard]] ConfOwner make_conf();

// Later properties win over earlier ones.
void set_properties(rd_kafka_conf_t* conf, const KafkaProperties& properties);

// What librdkafka was built with, separated by commas: "gzip,snappy,ssl,sasl,…".
[[nodiscard]] std::string builtin_features();

// Throws where the properties ask for something that `features` lacks: TLS, a SASL mechanism, a codec.
void check_features(std::string_view features, const KafkaProperties& properties);

}  // namespace millrace
