// What training and evaluation have in common: windows read from Kafka.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "millrace/position.h"

#include "kafka/kafka_source.h"
#include "window/assembler.h"
#include "window/stop_rule.h"

namespace millrace {

// The assembler's settings as far as the source decides them; the caller adds sizes, limits and threads.
[[nodiscard]] AssemblerSettings reading_from(const KafkaSource& source, const StopRule& stop);

// Offsets between what is finished and the ends of the logs; both by partition index, as many as both have.
[[nodiscard]] std::uint64_t offsets_behind(std::span<const CommitOffset> finished,
                                           std::span<const std::int64_t> ends);

// How much a run that ends by itself has still to read: records, or offsets where they may be fewer. Null
// where the rule counts nothing. `finished`: by partition index; partitions without an end do not count.
[[nodiscard]] std::optional<std::uint64_t> records_left(const StopRule& stop,
                                                        std::span<const std::int64_t> ends,
                                                        std::span<const CommitOffset> finished,
                                                        std::uint64_t records);

}  // namespace millrace
