// From the broker to decoded rows in window slots, as `train` reads them, beside a bare drain of the same
// topic.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "millrace/decoder.h"

#include "bench/bench_report.h"
#include "kafka/kafka_source.h"

namespace millrace {

struct IngestBench {
  SourceSettings source;  // one topic, from its beginning
  std::uint32_t window_rows = 1;
  unsigned decode_threads = 1;
  unsigned rounds = 1;
};

// `decoder` has the same features as the rows. A stop ends it early, and the figures are of what was
// finished. Errors: KafkaError, DataLossError; OptionError for a topic without records.
[[nodiscard]] BenchReport bench_ingest(const IngestBench& bench, const Decoder& decoder,
                                       const std::function<void(const std::string&)>& note,
                                       const std::stop_token& stop);

}  // namespace millrace
