// Reads a whole topic as any consumer does: every record with all that came with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::support {

using RawHeader = std::pair<std::string, std::optional<std::string>>;  // nothing: null

struct ReadRecord {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = -1;
  std::optional<std::string> key;  // nothing: null
  std::optional<std::string> value;
  std::vector<RawHeader> headers;

  // The value of the last header of that name; empty where there is none.
  [[nodiscard]] std::string header(const std::string& name) const;
};

// All that is in partitions [0, partitions) now, partition by partition in the order of offsets.
// Errors: std::runtime_error.
[[nodiscard]] std::vector<ReadRecord> read_topic(const std::string& brokers, const std::string& topic,
                                                 std::int32_t partitions);

}  // namespace millrace::support
