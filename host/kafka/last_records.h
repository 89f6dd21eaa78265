// Whether a log is still the one that was read: the last record of each partition that was, looked up again.
//
// librdkafka 2.0.2 knows nothing of truncation (KIP-320), and a topic that was made anew has the name and, in
// time, the offsets of the one before.
#pragma once

#include <span>
#include <vector>

#include "millrace/position.h"

#include "kafka/client.h"

namespace millrace {

struct LastRecord {
  TopicPartition partition;
  RecordFingerprint fingerprint;  // its offset lies in the log
};

// Which of the partitions hold another record there, as indices. One that is absent proves nothing:
// compaction and aborted transactions leave gaps. Each partition stands there once.
// Any thread; one connection of its own for all. Blocks for at most the client's timeout. Errors: KafkaError.
[[nodiscard]] std::vector<std::size_t> replaced_records(const ClientSettings& settings,
                                                        std::span<const LastRecord> records);

}  // namespace millrace
