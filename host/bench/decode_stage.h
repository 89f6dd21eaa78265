// Decoding alone, on one core, beside a bound over the same bytes: for CSV a bare fast_float loop, which
// knows that every value holds so many numbers and nothing else; for JSON simdjson, on demand, asked for each
// member in the order in which they stand; for Avro and packed values a bare copy. None checks anything.
#pragma once

#include <cstdint>
#include <span>

#include "millrace/record.h"

#include "bench/bench_report.h"
#include "decode/decoder_settings.h"

namespace millrace {

struct DecodeBench {
  RecordFormat format = RecordFormat::csv;
  std::uint32_t features = 0;
  std::uint64_t rows = 0;  // decoded in a round
  unsigned rounds = 1;
};

[[nodiscard]] BenchReport bench_decode(const DecodeBench& bench);

// The bare loop. Every value holds `features` numbers with a comma between them, every key the label.
void convert_without_checks(std::span<const RecordView> records, std::uint32_t features, float* values,
                            float* labels);

// The bare copy. Every value ends with `features` float32.
void copy_without_checks(std::span<const RecordView> records, std::uint32_t features, float* values);

// The same of packed values.
void copy_tables_without_checks(std::span<const RecordView> records, std::uint32_t features, float* values,
                                float* labels);

}  // namespace millrace
