// From the rule and what a state knows to one number per partition.
#pragma once

#include <span>
#include <vector>

#include "millrace/position.h"

#include "kafka/client.h"
#include "kafka/data_loss.h"
#include "kafka/log_range.h"
#include "kafka/start_rule.h"

namespace millrace {

struct StartQuestion {
  std::span<const TopicPartition> partitions;  // sorted: all those of the topics that are read
  std::span<const LogRange> ranges;            // [partitions] their logs
  const StartRule& rule;
  std::span<const TrainedPosition> known;
  bool rewind = false;
};

// Where reading begins, [partitions]. Known positions go on where they were. A partition that the state does
// not know begins by the rule; one of a topic that the state knows was added since, and begins at its
// beginning. With `rewind` the rule holds for all of them. Positions of topics that are not read are left out
// of account.
//
// A start outside its log, a log whose last trained record is another one now, and a known partition that its
// topic no longer has are losses, which `losses` judges. Throws KafkaError (partition_missing) where the rule
// names a partition that a topic does not have; OptionError where the rule names another topic.
[[nodiscard]] std::vector<Position> start_positions(const Client& client, const ClientSettings& settings,
                                                    const StartQuestion& question, DataLosses& losses);

}  // namespace millrace
