// A checkpoint: all that a restart needs, in one atomic file.
//
// Owned by whoever holds it: plain values. The functions keep no state; any thread may call them, and those
// that take files may be used on one file by one writer and any number of readers at a time.
//
// Invariants: (1) reading gives back exactly what was written, bit for bit; (2) a file under its final name
// is whole and on the disk, or an earlier one stands there untouched; (3) a bit flipped or bytes cut off
// anywhere are found; (4) no non-finite number is ever written or read; (5) reading allocates no more than a
// small multiple of the file's size. The layout of the file is told in state/checkpoint_format.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "millrace/engine.h"
#include "millrace/model.h"
#include "millrace/position.h"
#include "millrace/window.h"

namespace millrace {

// Sums since the state began.
struct Lifetime {
  std::uint64_t records = 0;  // bad ones included
  std::uint64_t rows = 0;     // trained, each once whatever the number of epochs
  std::uint64_t windows = 0;
  std::uint64_t steps = 0;
  std::uint64_t skipped_steps = 0;
  std::uint64_t rolled_back_rows = 0;  // trained, and lost again when the model went back to a checkpoint
  std::uint64_t bad_records = 0;
  BadRecordCounts bad_records_by_reason{};  // indexed by BadRecordReason
  double seconds = 0;                       // spent training, over all runs

  bool operator==(const Lifetime&) const = default;
};

// What the state was made with. Whether a restart with others is refused or goes on with them is the
// trainer's decision.
struct StreamSettings {
  static constexpr std::uint64_t kDefaultMaxRecordBytes = 1 << 20;  // what files without the member had

  std::vector<std::string> feature_names;  // [features], or empty where they have no names
  std::uint32_t features = 0;
  std::string label;                 // as the option says it: key, value:NAME, header:NAME
  std::string format;                // csv, json, avro, packed
  std::vector<std::string> columns;  // names of the fields of a value; empty: numbered from 1
  std::vector<std::string> topics;
  std::string group;  // where offsets are committed
  std::uint32_t window_rows = 0;
  std::int64_t window_ms = 0;
  std::string engine;  // cpu, cuda
  int engine_threads = 0;
  std::string engine_choices;  // Engine::choices() of that engine
  std::uint64_t max_record_bytes = kDefaultMaxRecordBytes;
  char separator = ',';  // between the fields of CSV
  bool absent_is_missing = false;
  TrainingSettings training;

  bool operator==(const StreamSettings&) const = default;
};

struct Checkpoint {
  std::uint64_t sequence = 0;  // 0, 1, 2, … within a state folder
  std::uint64_t windows =
      0;  // trained so far: the index of the next one, which is also the shuffle's counter
  ModelState model;
  std::vector<TrainedPosition> positions;
  Lifetime lifetime;
  StreamSettings settings;
  std::int64_t written_at_ms = 0;  // since the Unix epoch
  std::string millrace_version;

  bool operator==(const Checkpoint&) const = default;
};

// XXH3-64 of the weights and biases as they lie in memory, and of nothing else.
[[nodiscard]] std::uint64_t weights_digest(const ModelState& model);

// XXH3-64 of everything that further training depends on: two checkpoints with equal digests continue
// bit-identically over the same windows. It covers the model, the count of windows, the positions (in any
// order) and the settings. Left out, because no weight depends on it: the sequence number, the lifetime's
// sums, times, versions, the group, the fingerprints of last records (they guard and do not steer), and
// window_ms (where time cuts a window is a fact of the stream and not of the state).
[[nodiscard]] std::uint64_t state_digest(const Checkpoint& checkpoint);

// XXH3-64 of what training made: the model, the count of windows and the positions, without the settings.
[[nodiscard]] std::uint64_t trained_digest(const Checkpoint& checkpoint);

// Writes a temporary in the same folder, syncs it, renames it to `file` and syncs the folder. Mode 0600.
// After an error the temporary is gone and what stood under the name is untouched.
// Errors: StateError (no_space, not_writable, missing, io); NumericalError if the checkpoint holds a
// non-finite number; StateError io if a name in the settings is not UTF-8. Nothing is written in these last
// two cases.
void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);

// Errors: StateError (damaged, newer_version, missing, io).
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& file);

}  // namespace millrace
