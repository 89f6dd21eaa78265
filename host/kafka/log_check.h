// Whether logs are still those that are being read: nothing says so by itself where one was cut, or where a
// topic went away and came back.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/position.h"

#include "kafka/client.h"
#include "kafka/data_loss.h"

namespace millrace {

// How far a log was read.
struct ReadLog {
  TopicPartition partition;
  std::int64_t next_offset = 0;
  RecordFingerprint last_record;
};

struct LostLog {
  std::size_t index = 0;  // among those asked for
  DataLoss loss;
};

// Those whose next offset lies outside them, or whose last record is another one now. Blocks for at most
// `at_most`. Errors: KafkaError, of kind unreachable where the answers did not come in time.
[[nodiscard]] std::vector<LostLog> lost_logs(const Client& client, const ClientSettings& settings,
                                             std::span<const ReadLog> logs,
                                             std::chrono::milliseconds at_most);

}  // namespace millrace
