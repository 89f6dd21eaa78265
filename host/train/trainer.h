// The loop that turns windows into weights, checkpoints and committed offsets.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/bad_record_sink.h"
#include "millrace/decoder.h"
#include "millrace/engine.h"
#include "millrace/record.h"

#include "state/checkpoint.h"
#include "state/state_folder.h"
#include "train/bad_share.h"
#include "train/errors_tolerance.h"
#include "train/position_ledger.h"
#include "train/prequential.h"
#include "train/run_activity.h"
#include "window/assembler.h"

namespace millrace {

// Counts of one run; `Lifetime` has the same since the state began.
struct RunCounts {
  std::uint64_t rows = 0;
  std::uint64_t records = 0;
  std::uint64_t windows = 0;
  std::uint64_t steps = 0;
  std::uint64_t skipped_steps = 0;
  std::uint64_t rolled_back_rows = 0;  // trained, and lost again when the model went back to a checkpoint
  BadRecordCounts bad_records{};
  std::uint64_t dead_letters = 0;
};

// What an observer sees after each window.
struct TrainTick {
  const WindowOutcome& window;
  const RunCounts& counts;
  Prequential& metrics;
  std::chrono::duration<double> elapsed;
  std::span<const CommitOffset> finished;  // by partition index: how far each partition is done
  const WindowSlot& slot;                  // whose rows these were
  RingFill ring;                           // windows that wait for the engine
};

// What an observer sees after each checkpoint.
struct SavedCheckpoint {
  const Checkpoint& checkpoint;
  const std::filesystem::path& file;
  std::chrono::duration<double> took;
};

struct TrainerSettings {
  ErrorsTolerance errors_tolerance = ErrorsTolerance::none;
  double max_bad_share = 1;               // of the newest records; see BadShare
  std::uint64_t max_skipped_steps = 100;  // in a row, then training has diverged
  bool rolls_back = false;                // when it has: to the last good checkpoint, instead of ending
  std::chrono::milliseconds checkpoint_every{10'000};
  std::size_t auc_rows = 10'000;
};

// Owns nothing but its counters; the parts outlive it. One thread runs it.
//
// Invariants: (1) nothing happens to a window before its dead letters are safe; (2) then it is in the journal
// before the engine trains it, and moves positions only once the engine is done with it; (3) offsets are
// committed after the checkpoint that covers them is durable, never before; (4) the end of the stream, a
// stop, bad records and a broker's failure all leave a checkpoint of the last finished window; where the
// engine or the state folder fail, the newest checkpoint on the disk stands. Errors: those of the assembler,
// the engine and the state folder; BadRecordError and BadShareError before the window that holds the record
// is trained; NumericalError.
class Trainer {
 public:
  struct Parts {
    Assembler& assembler;
    Engine& engine;
    StateFolder& state;
    const Decoder& decoder;  // to name a bad record's field
    PositionLedger& positions;
    std::function<void(std::span<const CommitOffset>)> commit_async;
    std::function<void(RunActivity)> activity = [](RunActivity) {};
    std::function<void(const SavedCheckpoint&)> saved = [](const SavedCheckpoint&) {};
    BadRecordSink* letters = nullptr;  // the assembler's; null: bad records go nowhere
  };

  // `checkpoint` is the state to go on from; the engine holds its model already, and the state folder's
  // journal follows it.
  Trainer(Parts parts, Checkpoint checkpoint, TrainerSettings settings);

  // Trains until the assembler's stream ends, then writes the last checkpoint.
  void run(const std::function<void(const TrainTick&)>& observe);

  [[nodiscard]] const RunCounts& counts() const { return counts_; }
  [[nodiscard]] Prequential& metrics() { return metrics_; }
  [[nodiscard]] const std::filesystem::path& checkpoint_file() const { return checkpoint_file_; }
  [[nodiscard]] const Checkpoint& checkpoint() const { return checkpoint_; }
  [[nodiscard]] std::chrono::duration<double> elapsed() const;

 private:
  using Clock = std::chrono::steady_clock;
  using Observer = std::function<void(const TrainTick&)>;

  void train_stream(const Observer& observe);
  // The next slot; writes the checkpoints that fall due while it waits.
  WindowSlot* take(const Observer& observe);
  void begin(WindowSlot* slot);
  // False: the stream was stopped before.
  [[nodiscard]] bool letters_are_safe(const WindowSlot& slot);
  void write_to_journal(const WindowSlot& slot);
  void finish_oldest(const Observer& observe);
  void finish_all(const Observer& observe);
  void account(const WindowSlot& slot, const WindowOutcome& outcome);
  // Training has diverged, as the window showed that the engine was done with last.
  void roll_back();
  void save();

  Parts parts_;
  Checkpoint checkpoint_;
  std::filesystem::path checkpoint_file_;  // empty until the first one of this run is written
  const Lifetime before_;                  // the lifetime counts when this run began
  const TrainerSettings settings_;
  const Clock::time_point begun_;
  Clock::time_point next_checkpoint_;
  std::deque<WindowSlot*> in_flight_;
  bool dropped_ = false;  // a stop came while the last window taken waited for its letters
  RunCounts counts_;
  JournalWindow entry_;  // of the window that is written; kept for its memory
  BadShare bad_share_;
  bool diverged_ = false;
  std::optional<std::uint64_t> steps_at_roll_back_;  // counts_.steps at the last one
  std::uint64_t saved_amount_ = 0;  // records and rows that the newest checkpoint of this run covers
  Prequential metrics_;
};

}  // namespace millrace
