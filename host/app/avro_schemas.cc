#include "app/avro_schemas.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "millrace/errors.h"

#include "schema_registry/registry_client.h"

namespace millrace {
namespace {

std::string text_of_file(const OptionValues& options, const char* name) {
  const std::string& path = options.text(name);
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    throw OptionError(OptionError::Kind::invalid, options.written(name), path,
                      "this file cannot be read: " + std::generic_category().message(errno));
  }
  return text;
}

std::string secret_of(const OptionValues& options) {
  if (options.given("schema-registry-secret-file")) {
    std::string secret = text_of_file(options, "schema-registry-secret-file");
    return secret.substr(0, secret.find_first_of("\r\n"));
  }
  const char* const secret = std::getenv("MILLRACE_SCHEMA_REGISTRY_SECRET");
  return secret == nullptr ? std::string() : secret;
}

}  // namespace

AvroSchemas avro_schemas(const OptionValues& options, std::stop_token stop) {
  AvroSchemas schemas;
  if (options.given("avro-schema") && options.given("schema-registry")) {
    throw OptionError(OptionError::Kind::conflict, options.written("avro-schema"),
                      options.text("avro-schema"),
                      "records either name their schemas by id, or have this one; leave out one of this and "
                      "--schema-registry");
  }
  if (options.given("avro-schema")) schemas.text = text_of_file(options, "avro-schema");
  if (!options.given("schema-registry")) return schemas;
  const auto client = std::make_shared<const RegistryClient>(
      RegistrySettings{.urls = options.list("schema-registry"),
                       .access = {.user = options.text("schema-registry-user"),
                                  .secret = secret_of(options),
                                  .ca_file = options.text("schema-registry-ca")},
                       .timeout = options.duration("schema-registry-timeout-ms")},
      std::move(stop));
  schemas.fetch = [client](std::uint32_t id) { return client->schema_of(id); };
  return schemas;
}

}  // namespace millrace
