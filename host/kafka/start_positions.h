// From the rule and what a state knows to one number per partition.
#pragma once

#include <span>
#include <vector>

#include "millrace/position.h"

#include "kafka/client.h"
#include "kafka/log_range.h"
#include "kafka/start_rule.h"

namespace millrace {

// Known positions go on where they were, unless `rewind`; positions of topics that are not read are left out
// of account. `partitions` (sorted) are all partitions of the topics that are read, `ranges` their logs.
//
// Throws DataLossError where a start lies outside its log; KafkaError (partition_missing) where the state or
// the rule names a partition that a topic does not have; OptionError where the rule names another topic.
[[nodiscard]] std::vector<Position> start_positions(const Client& client,
                                                    std::span<const TopicPartition> partitions,
                                                    std::span<const LogRange> ranges, const StartRule& rule,
                                                    std::span<const TrainedPosition> known, bool rewind);

}  // namespace millrace
