#include "bench/decode_stage.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fast_float/fast_float.h>
#include <fmt/format.h>
#include <string_view>
#include <vector>

#include "bench/rounds.h"
#include "bench/sample_rows.h"
#include "decode/csv_decoder.h"

namespace millrace {
namespace {

// As many as a window has by default: they and what they become stay in the cache, as they do in a run.
constexpr std::uint64_t kRowsInOnePass = 4096;

struct Case {
  std::string_view name;
  SampleValues values;
};
constexpr std::array kCases = {Case{"small integers", SampleValues::small_integers},
                               Case{"random floats", SampleValues::random_floats}};

struct Measured {
  double rows_per_s = 0;
  double bound_rows_per_s = 0;
  double share = 0;  // of pairs
  double bytes_per_row = 0;
};

Measured measure(const DecodeBench& bench, SampleValues kind) {
  const std::uint64_t rows = std::min(bench.rows, kRowsInOnePass);
  const std::uint64_t passes = (bench.rows + rows - 1) / rows;
  const SampleRecords sample(rows, bench.features, kind);
  const CsvDecoder decoder({.features = bench.features});
  std::vector<float> values(rows * bench.features);
  std::vector<float> labels(rows);
  std::vector<DecodeOutcome> outcomes(rows);
  const auto seconds_for = [&](const auto& pass) {
    return seconds_of([&] {
      for (std::uint64_t i = 0; i < passes; ++i) pass();
    });
  };
  const auto decode = [&] { decoder.decode(sample.records(), 0, values.data(), labels.data(), outcomes); };
  const auto convert = [&] {
    convert_without_checks(sample.records(), bench.features, values.data(), labels.data());
  };
  decode();
  convert();

  std::vector<double> decoding;
  std::vector<double> converting;
  std::vector<double> shares;
  for (unsigned round = 0; round < bench.rounds; ++round) {
    decoding.push_back(seconds_for(decode));
    converting.push_back(seconds_for(convert));
    shares.push_back(converting.back() / decoding.back());
  }
  const auto total = static_cast<double>(passes * rows);
  return {.rows_per_s = total / median(decoding),
          .bound_rows_per_s = total / median(converting),
          .share = median(shares),
          .bytes_per_row = static_cast<double>(sample.bytes()) / static_cast<double>(rows)};
}

}  // namespace

void convert_without_checks(std::span<const RecordView> records, std::uint32_t features, float* values,
                            float* labels) {
  for (const RecordView& record : records) {
    const char* at = record.value.data();
    const char* const last = at + record.value.size();
    for (std::uint32_t feature = 0; feature < features; ++feature) {
      at = fast_float::from_chars(at, last, *values++).ptr + 1;
    }
    fast_float::from_chars(record.key.data(), record.key.data() + record.key.size(), *labels++);
  }
}

BenchReport bench_decode(const DecodeBench& bench) {
  BenchReport report{
      .stage = "decode",
      .subject = fmt::format("CSV values of {} numbers, the label as the key, one core", bench.features)};
  report.table = {{"", "rows/s", "MB/s", "bare loop rows/s", "share of it"}};
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const Case& shape : kCases) {
    const Measured measured = measure(bench, shape.values);
    report.table.push_back({std::string(shape.name), fmt::format("{:.0f}", measured.rows_per_s),
                            fmt::format("{:.0f}", measured.rows_per_s * measured.bytes_per_row / 1e6),
                            fmt::format("{:.0f}", measured.bound_rows_per_s),
                            fmt::format("{:.1f} %", 100 * measured.share)});
    results.push_back({{"format", "csv"},
                       {"values", shape.name},
                       {"rows_per_s", measured.rows_per_s},
                       {"bytes_per_s", measured.rows_per_s * measured.bytes_per_row},
                       {"bound_rows_per_s", measured.bound_rows_per_s},
                       {"share", measured.share}});
  }
  report.figures = {{"features", bench.features}, {"rounds", bench.rounds}, {"results", std::move(results)}};
  report.notes = {fmt::format(
      "The bound is a bare fast_float loop over the same bytes, which checks nothing, in the same "
      "rounds; medians of {}.",
      bench.rounds)};
  return report;
}

}  // namespace millrace
