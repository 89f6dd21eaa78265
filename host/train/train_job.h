// A whole training run: opens the state, the source and the engine, trains, and closes them in good order.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/cuda_engine.h"
#include "millrace/engine.h"

#include "decode/decoder_settings.h"
#include "kafka/kafka_source.h"
#include "train/replay.h"
#include "train/run_activity.h"
#include "train/trainer.h"
#include "window/stop_rule.h"

namespace millrace {

struct TrainJob {
  SourceSettings source;  // `known` is filled from the state; an empty group is derived from the state folder
  DecoderSettings decoder;
  std::string label;  // as the option says it, for the checkpoint
  NetworkShape shape;
  TrainingSettings training;
  std::string engine = "auto";
  int engine_threads = 1;
  CudaSettings cuda;  // `choices` comes from the state, `note` goes to the observer
  unsigned decode_threads = 1;
  std::uint32_t window_rows = 4096;
  std::chrono::milliseconds window_limit{1000};
  StopRule stop;
  std::string dead_letter_topic;  // empty: bad records are counted only
  std::filesystem::path state;
  std::size_t keep = 3;
  TrainerSettings trainer;
};

// What is known before the first window.
struct OpenedRun {
  const Checkpoint& checkpoint;                // to go on from, with the settings of this run
  std::span<const TrainedPosition> positions;  // by partition index: where reading begins
  std::string engine;                          // one line for people
};

// What the source counted so far.
struct SourceCounts {
  std::vector<std::int64_t> log_ends;  // by partition index, as last heard
  std::uint64_t committed = 0;         // commits, not offsets
  std::uint64_t failed_commits = 0;
  std::uint64_t data_losses = 0;      // where reading went on without lost records
  std::uint64_t lost_offsets = 0;     // of these, as far as it is known how many
  std::optional<std::uint64_t> left;  // see records_left
};

// Called while a job runs, on the thread that runs it.
struct TrainObserver {
  std::function<void(std::string_view sentence)>
      note;  // what a user should know: a fallback, where it goes on
  std::function<void(const OpenedRun&)> opened = [](const OpenedRun&) {};
  std::function<void(const TrainTick&, const SourceCounts&)> window;  // after each window
  std::function<void(const SavedCheckpoint&)> saved = [](const SavedCheckpoint&) {};
  // What the run is doing from now on.
  std::function<void(RunActivity)> activity = [](RunActivity) {};
};

struct TrainResult {
  RunCounts counts;
  StreamMetrics metrics;      // prequential, of this run
  StreamMetrics horizon;      // prequential, of its newest rows
  std::optional<double> auc;  // prequential, of the horizon
  ConfusionMatrix confusion;
  std::chrono::duration<double> elapsed{};
  std::string engine;  // one line for people
  Checkpoint checkpoint;
  std::filesystem::path checkpoint_file;
  ReplayCounts replayed;           // from the journal, before anything of this run
  std::uint64_t data_losses = 0;   // where reading went on without lost records
  std::uint64_t lost_offsets = 0;  // of these, as far as it is known how many
  bool offsets_committed = true;   // false: the broker had not confirmed them by the deadline; harmless
};

// Errors: MismatchError if the state was begun with other features, layers, scaling or seed; OptionError
// where columns and features, or windows and memory, do not fit together; and those of the parts.
[[nodiscard]] TrainResult run_train_job(const TrainJob& job, const TrainObserver& observer,
                                        std::stop_token stop);

// The consumer group of a state folder that was given none: the folder's name and a hash of its path.
[[nodiscard]] std::string default_group(const std::filesystem::path& state);

}  // namespace millrace
