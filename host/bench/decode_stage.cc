#include "bench/decode_stage.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <fast_float/fast_float.h>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "bench/json_bound.h"
#include "bench/rounds.h"
#include "bench/sample_rows.h"
#include "decode/decoder_choice.h"
#include "decode/packed_layout.h"

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

DecoderSettings settings_for(const DecodeBench& bench) {
  DecoderSettings settings{.format = bench.format, .features = bench.features};
  if (bench.format == RecordFormat::packed) settings.label = {LabelRule::From::column, "label"};
  if (bench.format != RecordFormat::csv) settings.feature_names = sample_names(bench.features);
  if (bench.format == RecordFormat::avro) settings.schemas = sample_schemas(bench.features);
  return settings;
}

// One pass of the bound. The sample and the memory outlive it.
std::function<void()> bound_for(const DecodeBench& bench, const SampleRecords& sample, float* values,
                                float* labels) {
  if (bench.format == RecordFormat::json) {
    return [values, bound = std::make_shared<JsonBound>(sample.records(), sample_names(bench.features))] {
      bound->read(values);
    };
  }
  if (bench.format == RecordFormat::avro) {
    return [values, features = bench.features, records = std::span(sample.records())] {
      copy_without_checks(records, features, values);
    };
  }
  if (bench.format == RecordFormat::packed) {
    return [values, labels, features = bench.features, records = std::span(sample.records())] {
      copy_tables_without_checks(records, features, values, labels);
    };
  }
  return [values, labels, features = bench.features, records = std::span(sample.records())] {
    convert_without_checks(records, features, values, labels);
  };
}

std::string_view bound_of(RecordFormat format) {
  switch (format) {
    case RecordFormat::json:
      return "simdjson on demand";
    case RecordFormat::avro:
    case RecordFormat::packed:
      return "bare copy";
    default:
      return "bare loop";
  }
}

std::string_view account_of_bound(RecordFormat format) {
  switch (format) {
    case RecordFormat::json:
      return "simdjson, on demand, with every member in the order asked for,";
    case RecordFormat::avro:
      return "a bare copy of each record's numbers";
    case RecordFormat::packed:
      return "two memcpy a record";
    default:
      return "a bare fast_float loop";
  }
}

Measured measure(const DecodeBench& bench, SampleValues kind) {
  const std::uint64_t rows = std::min(bench.rows, kRowsInOnePass);
  const std::uint64_t passes = (bench.rows + rows - 1) / rows;
  const SampleRecords sample(rows, bench.features, kind, bench.format);
  const std::unique_ptr<Decoder> decoder = make_decoder(settings_for(bench));
  std::vector<float> values(rows * bench.features);
  std::vector<float> labels(rows);
  std::vector<DecodeOutcome> outcomes(rows);
  const auto seconds_for = [&](const auto& pass) {
    return seconds_of([&] {
      for (std::uint64_t i = 0; i < passes; ++i) pass();
    });
  };
  // As windows do it: a record is given its places, and then decoded.
  std::uint64_t places = 0;
  const auto decode = [&] {
    for (const RecordView& record : sample.records()) places += decoder->rows_of(record);
    decoder->decode(sample.records(), 0, values.data(), labels.data(), outcomes);
  };
  const std::function<void()> convert = bound_for(bench, sample, values.data(), labels.data());
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
  if (places % rows != 0) throw std::logic_error("samples that a decoder does not read");
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

void copy_without_checks(std::span<const RecordView> records, std::uint32_t features, float* values) {
  const std::size_t bytes = features * sizeof(float);
  for (const RecordView& record : records) {
    std::memcpy(values, record.value.data() + record.value.size() - bytes, bytes);
    values += features;
  }
}

void copy_tables_without_checks(std::span<const RecordView> records, std::uint32_t features, float* values,
                                float* labels) {
  for (const RecordView& record : records) {
    PackedHeader header;
    std::memcpy(&header, record.value.data(), sizeof header);
    const char* const table = record.value.data() + sizeof header;
    std::memcpy(values, table, header.value_bytes());
    std::memcpy(labels, table + header.value_bytes(), header.label_bytes());
    values += std::size_t{header.rows} * features;
    labels += header.rows;
  }
}

BenchReport bench_decode(const DecodeBench& bench) {
  BenchReport report{
      .stage = "decode",
      .subject = fmt::format(
          "{} values of {} numbers, {}, one core", name_of(bench.format), bench.features,
          bench.format == RecordFormat::packed ? "512 labelled rows in each" : "the label as the key")};
  report.table = {{"", "rows/s", "MB/s", fmt::format("{} rows/s", bound_of(bench.format)), "share of it"}};
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const Case& shape : kCases) {
    const Measured measured = measure(bench, shape.values);
    report.table.push_back({std::string(shape.name), fmt::format("{:.0f}", measured.rows_per_s),
                            fmt::format("{:.0f}", measured.rows_per_s * measured.bytes_per_row / 1e6),
                            fmt::format("{:.0f}", measured.bound_rows_per_s),
                            fmt::format("{:.1f} %", 100 * measured.share)});
    results.push_back({{"format", name_of(bench.format)},
                       {"values", shape.name},
                       {"rows_per_s", measured.rows_per_s},
                       {"bytes_per_s", measured.rows_per_s * measured.bytes_per_row},
                       {"bound_rows_per_s", measured.bound_rows_per_s},
                       {"share", measured.share}});
  }
  report.figures = {{"features", bench.features}, {"rounds", bench.rounds}, {"results", std::move(results)}};
  report.notes = {
      fmt::format("The bound is {} over the same bytes, which checks nothing, in the same rounds; "
                  "medians of {}.",
                  account_of_bound(bench.format), bench.rounds)};
  return report;
}

}  // namespace millrace
