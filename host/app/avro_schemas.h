#pragma once

#include <stop_token>

#include "config/options.h"
#include "decode/avro_schema.h"

namespace millrace {

// From --avro-schema or --schema-registry and what belongs to it; empty where neither is given. After a stop
// nobody waits for the registry any more. Errors: OptionError.
[[nodiscard]] AvroSchemas avro_schemas(const OptionValues& options, std::stop_token stop);

}  // namespace millrace
