// Scores a range of a topic with the weights of a checkpoint, and changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "decode/decoder_settings.h"
#include "kafka/kafka_source.h"
#include "state/checkpoint.h"
#include "train/errors_tolerance.h"
#include "train/prequential.h"
#include "window/stop_rule.h"

namespace millrace {

struct EvaluateJob {
  SourceSettings source;
  DecoderSettings decoder;
  StopRule stop;
  int engine_threads = 1;
  unsigned decode_threads = 1;
  std::size_t auc_rows = 0;  // AUC covers the newest of so many rows
  ErrorsTolerance errors_tolerance = ErrorsTolerance::none;
};

// What an observer sees after each window.
struct EvaluateTick {
  std::uint64_t bad_records;
  StreamMetrics metrics;
  std::chrono::duration<double> elapsed;
  std::optional<std::uint64_t> left;  // see records_left
};

struct EvaluateResult {
  std::uint64_t records = 0;
  BadRecordCounts bad_records{};
  StreamMetrics metrics;
  std::optional<double> auc;  // of the newest EvaluateJob::auc_rows rows
  ConfusionMatrix confusion;
  std::uint64_t data_losses = 0;      // where reading went on without lost records
  std::uint64_t lost_offsets = 0;     // of these, as far as it is known how many
  std::vector<TrainedPosition> read;  // `next`: what comes after the last scored record
  std::chrono::duration<double> elapsed{};
};

// Errors: those of the source; BadRecordError where none is tolerated.
[[nodiscard]] EvaluateResult run_evaluate_job(const EvaluateJob& job, const Checkpoint& checkpoint,
                                              const std::function<void(const EvaluateTick&)>& observe,
                                              std::stop_token stop);

}  // namespace millrace
