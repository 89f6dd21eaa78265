// Asks a Schema Registry, as Confluent specifies its HTTP interface, for the schemas of Avro records.
//
// Any thread may ask, one at a time or several. Invariants: (1) an id is asked for again and again, of one
// address after the other, until one answers or the time is up; (2) a stop ends the waiting soon; (3) secrets
// are in no error and no log. It remembers nothing: its caller does.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "decode/avro_schema.h"
#include "schema_registry/http_client.h"

namespace millrace {

struct RegistrySettings {
  std::vector<std::string> urls;  // of one registry, in the order of preference
  HttpAccess access;
  std::chrono::milliseconds timeout{30'000};  // for one schema, all attempts together
};

class RegistryClient {
 public:
  // Errors: OptionError for an address that is none, or that holds a secret.
  RegistryClient(RegistrySettings settings, std::stop_token stop);

  // Nothing where the registry knows no such id, or the schema is none of Avro's.
  // Errors: RegistryError; DecodeStopped after a stop.
  [[nodiscard]] std::optional<AvroSchemaText> schema_of(std::uint32_t id) const;

 private:
  struct Collected;
  // The body of an answer; nothing where the registry says that what was asked for is not there.
  std::optional<std::string> get(const std::string& path) const;
  bool collect(const std::string& path, Collected& into, unsigned depth) const;

  RegistrySettings settings_;
  std::stop_token stop_;
};

}  // namespace millrace
