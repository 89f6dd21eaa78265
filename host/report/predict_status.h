// Predictions as they stand at one moment: what /metrics of `millrace predict` is made of. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "report/run_summary.h"

namespace millrace {

struct PredictStatus {
  std::string version;
  std::string kafka_client;  // version of librdkafka
  std::string engine;        // cpu, cuda, auto: as it was asked for
  bool ready = false;

  std::uint64_t records = 0;  // all of what follows: committed
  std::uint64_t rows = 0;
  ReasonCounts bad_records_by_reason;  // every reason has its count, 0 included
  std::uint64_t transactions = 0;
  std::uint64_t aborted = 0;
  std::optional<double> latency_p50_s, latency_p99_s;

  std::string model;             // the version that predicts
  std::uint64_t checkpoint = 0;  // its number
  std::int64_t checkpoint_at_ms = 0;
  std::uint64_t models = 0;  // that newer checkpoints brought

  std::int64_t started_at_ms = 0;
  std::uint64_t resident_bytes = 0;
  double cpu_s = 0;
  std::uint64_t open_files = 0;
};

}  // namespace millrace
