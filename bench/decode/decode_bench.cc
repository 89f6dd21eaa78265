// The CSV decoder beside a bare fast_float loop over the same bytes: the loop knows that every value holds
// nine numbers and nothing else, so it is what a decoder that checks nothing would cost.
//
//   decode_bench --benchmark_counters_tabular=true

#include <benchmark/benchmark.h>
#include <cstdint>
#include <vector>

#include "bench/decode_stage.h"
#include "bench/sample_rows.h"
#include "decode/csv_decoder.h"

namespace millrace {
namespace {

constexpr std::size_t kRows = 4096;
constexpr std::uint32_t kFeatures = 9;

void report(benchmark::State& state, const SampleRecords& topic) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRows));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(topic.bytes()));
}

void decoder_rows(benchmark::State& state, SampleValues kind) {
  const SampleRecords topic(kRows, kFeatures, kind);
  const CsvDecoder decoder({.features = kFeatures});
  std::vector<float> values(kRows * kFeatures);
  std::vector<float> labels(kRows);
  std::vector<DecodeOutcome> outcomes(kRows);
  for (auto _ : state) {
    decoder.decode(topic.records(), 0, values.data(), labels.data(), outcomes);
    benchmark::ClobberMemory();
  }
  report(state, topic);
}

void bare_fast_float_rows(benchmark::State& state, SampleValues kind) {
  const SampleRecords topic(kRows, kFeatures, kind);
  std::vector<float> values(kRows * kFeatures);
  std::vector<float> labels(kRows);
  for (auto _ : state) {
    convert_without_checks(topic.records(), kFeatures, values.data(), labels.data());
    benchmark::ClobberMemory();
  }
  report(state, topic);
}

BENCHMARK_CAPTURE(decoder_rows, nine_small_integers, SampleValues::small_integers);
BENCHMARK_CAPTURE(bare_fast_float_rows, nine_small_integers, SampleValues::small_integers);
BENCHMARK_CAPTURE(decoder_rows, nine_random_floats, SampleValues::random_floats);
BENCHMARK_CAPTURE(bare_fast_float_rows, nine_random_floats, SampleValues::random_floats);

}  // namespace
}  // namespace millrace

BENCHMARK_MAIN();
