// Replay from Kafka: opens what the journal's settings ask for, and brings a checkpoint to the journal's end.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "millrace/cuda_engine.h"

#include "decode/avro_schema.h"
#include "kafka/kafka_source.h"
#include "state/checkpoint.h"
#include "state/journal_format.h"
#include "train/replay.h"

namespace millrace {

struct ReplayJob {
  std::filesystem::path state;  // the folder, which is read
  SourceSettings source;        // topics, header, group and positions come from the journal
  std::string engine = "auto";  // where the journal's own engine cannot be made here
  CudaSettings cuda;            // `choices` come from the journal
  unsigned decode_threads = 1;
  AvroSchemas schemas;  // which no journal holds
  bool goes_on_after_loss = false;
  std::function<void(std::string_view sentence)> note;  // for people
};

// Whether there is anything to train again.
[[nodiscard]] bool holds_windows(std::span<const JournalSegment> segments);

// Brings the checkpoint to where the segments end, each trained with its own settings. A segment that does
// not follow from what was before is left out, with all after it, and noted. False: the stop came first, and
// the checkpoint is as it was. Errors: those of replay_segment, the source and the engine.
bool replay_journal(const ReplayJob& job, std::span<const JournalSegment> segments, Checkpoint& checkpoint,
                    ReplayCounts& counts, const std::stop_token& stop);

}  // namespace millrace
