// The CSV decoder beside a bare fast_float loop over the same bytes: the loop knows that every value holds
// nine numbers and nothing else, so it is what a decoder that checks nothing would cost.
//
//   decode_bench --benchmark_counters_tabular=true

#include <array>
#include <benchmark/benchmark.h>
#include <charconv>
#include <cstdint>
#include <deque>
#include <fast_float/fast_float.h>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "decode/csv_decoder.h"

namespace millrace {
namespace {

constexpr std::size_t kRows = 4096;
constexpr std::size_t kFeatures = 9;

std::string small_integers(std::mt19937& random) {
  std::string text;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    text += std::to_string(1 + random() % 10) + (i + 1 < kFeatures ? "," : "");
  }
  return text;
}

std::string random_floats(std::mt19937& random) {
  std::string text;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    std::array<char, 32> number{};
    const float value = std::normal_distribution<float>(0, 10)(random);
    text.append(number.data(), std::to_chars(number.data(), number.data() + number.size(), value).ptr);
    if (i + 1 < kFeatures) text += ',';
  }
  return text;
}

struct Topic {
  std::deque<std::string> values;
  std::vector<RecordView> records;
  std::size_t bytes = 0;

  explicit Topic(std::string (*row)(std::mt19937&)) {
    std::mt19937 random(1);
    for (std::size_t i = 0; i < kRows; ++i) {
      const std::string& value = values.emplace_back(row(random));
      records.push_back(
          {.key = random() % 2 == 0 ? "0" : "1", .value = value, .has_key = true, .has_value = true});
      bytes += value.size();
    }
  }
};

void report(benchmark::State& state, const Topic& topic) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRows));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(topic.bytes));
}

void decoder_rows(benchmark::State& state, std::string (*row)(std::mt19937&)) {
  const Topic topic(row);
  const CsvDecoder decoder({.features = kFeatures});
  std::vector<float> values(kRows * kFeatures);
  std::vector<float> labels(kRows);
  std::vector<DecodeOutcome> outcomes(kRows);
  for (auto _ : state) {
    decoder.decode(topic.records, values.data(), labels.data(), outcomes);
    benchmark::ClobberMemory();
  }
  report(state, topic);
}

void bare_fast_float_rows(benchmark::State& state, std::string (*row)(std::mt19937&)) {
  const Topic topic(row);
  std::vector<float> values(kRows * kFeatures);
  std::vector<float> labels(kRows);
  for (auto _ : state) {
    float* value = values.data();
    for (std::size_t i = 0; i < kRows; ++i) {
      const RecordView& record = topic.records[i];
      const char* at = record.value.data();
      const char* const last = at + record.value.size();
      for (std::size_t field = 0; field < kFeatures; ++field) {
        at = fast_float::from_chars(at, last, *value++).ptr + 1;
      }
      fast_float::from_chars(record.key.data(), record.key.data() + record.key.size(), labels[i]);
    }
    benchmark::ClobberMemory();
  }
  report(state, topic);
}

BENCHMARK_CAPTURE(decoder_rows, nine_small_integers, small_integers);
BENCHMARK_CAPTURE(bare_fast_float_rows, nine_small_integers, small_integers);
BENCHMARK_CAPTURE(decoder_rows, nine_random_floats, random_floats);
BENCHMARK_CAPTURE(bare_fast_float_rows, nine_random_floats, random_floats);

}  // namespace
}  // namespace millrace

BENCHMARK_MAIN();
