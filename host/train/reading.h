// What training and evaluation have in common: windows read from Kafka.
#pragma once

#include "kafka/kafka_source.h"
#include "window/assembler.h"
#include "window/stop_rule.h"

namespace millrace {

// The assembler's settings as far as the source decides them; the caller adds sizes, limits and threads.
[[nodiscard]] AssemblerSettings reading_from(const KafkaSource& source, const StopRule& stop);

}  // namespace millrace
