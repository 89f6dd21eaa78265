// What predict says at its end; the forms are those of run_summary.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/run_summary.h"

namespace millrace {

struct PredictSummary {
  std::uint64_t records = 0;  // or lines; bad ones and tombstones included
  std::uint64_t rows = 0;     // predictions
  std::uint64_t bad_records = 0;
  ReasonCounts bad_records_by_reason;
  double seconds = 0;
  std::optional<double> latency_p50_ms, latency_p99_ms;
  std::uint64_t models = 0;  // that newer checkpoints brought
  std::string model;         // the last one's version
  // Of topics alone.
  struct Topics {
    std::uint64_t transactions = 0;  // committed
    std::uint64_t aborted = 0;       // and begun again
    std::uint64_t data_losses = 0;   // as in TrainSummary
    std::uint64_t lost_offsets = 0;
    std::vector<TrainedPosition>
        positions;  // committed last, of the partitions that this process had at its end
  };
  std::optional<Topics> topics;
};

[[nodiscard]] std::string json_of(const PredictSummary& summary);
[[nodiscard]] std::string text_of(const PredictSummary& summary);

}  // namespace millrace
