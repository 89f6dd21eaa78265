// Trains again what the journal tells, so that a run goes on from where it was and not only from its newest
// checkpoint.
//
// Invariants: (1) from the checkpoint that a segment follows, the same windows are trained with the settings
// they were trained with, and checked against the digests of their rows; (2) nothing is written: the caller
// saves what came out; (3) positions and counts are those of the journal, whatever could still be read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "millrace/decoder.h"
#include "millrace/engine.h"
#include "millrace/record.h"

#include "state/checkpoint.h"
#include "state/journal_format.h"

namespace millrace {

// Where the windows of a segment are trained again.
struct ReplayParts {
  Engine& engine;
  const Decoder& decoder;
  // A source that begins at these positions, of partitions that the journal or the state names.
  std::function<std::unique_ptr<RecordSource>(std::span<const TrainedPosition>)> open_source;
  // The model of a checkpoint that the segment's own follows.
  std::function<ModelState(std::uint64_t sequence)> earlier_model;
  unsigned decode_threads = 1;
  bool goes_on_after_loss = false;  // train what is left of a window, instead of throwing
};

struct ReplayCounts {
  std::uint64_t windows = 0;
  std::uint64_t rows = 0;
  std::uint64_t changed_windows = 0;  // whose rows were not as they had been; only after loss
};

// The most places that a window of the segment took, and at least its settings' window_rows.
[[nodiscard]] std::uint32_t most_places(const JournalSegment& segment);

// Brings the checkpoint to where the segment ends. False: the stop came first, and the checkpoint is as it
// was. Errors: ChangedWindowError, and those of the source and the engine.
bool replay_segment(const JournalSegment& segment, const ReplayParts& parts, Checkpoint& checkpoint,
                    ReplayCounts& counts, const std::stop_token& stop);

}  // namespace millrace
