// What is known of predictions while they are made, and at the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "millrace/window.h"

#include "predict/latency.h"

namespace millrace {

struct PredictCounts {
  std::uint64_t records = 0;  // or lines; bad ones and tombstones included
  std::uint64_t rows = 0;     // that were scored, each an answer
  BadRecordCounts bad_records{};
  std::uint64_t transactions = 0;  // committed; of topics alone
  std::uint64_t aborted = 0;       // and their records predicted again
  std::uint64_t models = 0;        // that newer checkpoints brought meanwhile
  // Of records, from their timestamp to the commit of their prediction; of lines, from their arrival to their
  // answer.
  LatencyHistogram latency;
  std::chrono::duration<double> elapsed{};
};

using PredictObserver = std::function<void(const PredictCounts&)>;

}  // namespace millrace
