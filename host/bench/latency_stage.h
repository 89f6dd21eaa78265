// From a record's timestamp to the update of the weights by its window, at a steady rate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "bench/bench_report.h"
#include "train/train_job.h"

namespace millrace {

struct LatencyBench {
  TrainJob job;  // one topic; its state and its stop are the stage's
  std::uint64_t rows = 0;
  double rows_per_s = 0;
  std::filesystem::path scratch;  // an existing folder, for the state
};

// Makes the topic, with one partition, measures and deletes it.
[[nodiscard]] BenchReport bench_latency(const LatencyBench& bench, const std::stop_token& stop);

// With a topic of one partition that is there and empty.
[[nodiscard]] BenchReport measure_latency(const LatencyBench& bench, const std::stop_token& stop);

}  // namespace millrace
