// Records of topics to predictions in another topic, each exactly once.
//
//   group ─► decode ─► score ─► produce ─► commit
//            rows      newest   in a       records and offsets
//                      weights  transaction together
//
// A transaction holds the predictions of some records and the offsets behind these, so either both are there
// or neither is: a process that is killed at any instant has its records predicted by the next one. Which
// transactions count is decided in two places. The producer's transactional id shuts out an earlier process
// of the same id, so a process with a name of its own (--instance) uses it again, and takes its predecessor's
// place at once. A process without one takes an id that nobody ever had: the partitions of a group wander, so
// what must be shut out is whoever lost them, and the group does that: offsets come with the member and the
// generation of the group that sends them, and those of an older one are refused (KIP-447). What such a
// process left open is aborted by its transaction.timeout.ms; until then, who takes its partitions over waits
// for the offsets in it to be decided.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "kafka/group_reader.h"
#include "predict/predict_counts.h"
#include "predict/prediction_text.h"
#include "predict/row_scorer.h"
#include "train/errors_tolerance.h"
#include "window/stop_rule.h"

namespace millrace {

struct TopicJob {
  GroupReaderSettings source;
  std::string to;
  PredictionFormat format = PredictionFormat::json;
  // A transaction is committed after so long, or so many records. It costs about ten milliseconds, and
  // several times that where it begins as soon as the one before is committed, which the broker is still
  // writing down then.
  std::chrono::milliseconds commit_every{20};
  std::size_t commit_records = 10'000;
  ErrorsTolerance errors_tolerance = ErrorsTolerance::none;
  StopRule stop;
};

struct TopicResult {
  PredictCounts counts;
  std::uint64_t data_losses = 0;
  std::uint64_t lost_offsets = 0;
  std::vector<CommitOffset> committed;  // of the partitions that were this process's at its end
};

// A prediction goes to the partition whose number is its record's, modulo the number of partitions there: the
// order within a partition stays, and records of one key stay together. Its key is the record's; its headers
// say where it comes from and who made it:
//   millrace.topic, millrace.partition, millrace.offset, millrace.timestamp (milliseconds) of the record,
//   millrace.row in a record of several rows, from 0, each of which has a prediction of its own, and
//   millrace.model.
// Errors: KafkaError, DataLossError; BadRecordError where none is tolerated, after what came before it was
// committed.
[[nodiscard]] TopicResult run_topic_job(const TopicJob& job, RowScorer& scorer,
                                        const PredictObserver& observe, std::stop_token stop);

}  // namespace millrace
