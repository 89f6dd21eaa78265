// From a topic to trained weights, scoring, checkpoints and all, beside the rate that the engine's steps
// alone allow on this machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "bench/bench_report.h"
#include "train/train_job.h"

namespace millrace {

struct EndToEndBench {
  TrainJob job;  // one topic; its state and its stop are the stage's
  std::uint64_t rows = 0;
  int partitions = 1;
  unsigned rounds = 1;
  std::filesystem::path scratch;  // an existing folder, for the states
};

// Makes the topic, fills it, measures and deletes it.
[[nodiscard]] BenchReport bench_end_to_end(const EndToEndBench& bench,
                                           const std::function<void(const std::string&)>& note,
                                           const std::stop_token& stop);

// With a topic that is there and full. A stop ends it early, and the figures are of what was finished.
[[nodiscard]] BenchReport measure_end_to_end(const EndToEndBench& bench,
                                             const std::function<void(const std::string&)>& note,
                                             const std::stop_token& stop);

}  // namespace millrace
