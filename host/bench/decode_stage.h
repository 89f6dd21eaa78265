// Decoding alone, on one core, beside a bare fast_float loop over the same bytes. The loop knows that every
// value holds so many numbers and nothing else, so it is what a decoder that checks nothing would cost.
#pragma once

#include <cstdint>
#include <span>

#include "millrace/record.h"

#include "bench/bench_report.h"

namespace millrace {

struct DecodeBench {
  std::uint32_t features = 0;
  std::uint64_t rows = 0;  // decoded in a round
  unsigned rounds = 1;
};

[[nodiscard]] BenchReport bench_decode(const DecodeBench& bench);

// The bare loop. Every value holds `features` numbers with a comma between them, every key the label.
void convert_without_checks(std::span<const RecordView> records, std::uint32_t features, float* values,
                            float* labels);

}  // namespace millrace
