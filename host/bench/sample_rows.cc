#include "bench/sample_rows.h"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <utility>

#include "decode/packed_writer.h"

namespace millrace {
namespace {

float sample_value(SampleValues values, std::mt19937& random) {
  if (values == SampleValues::small_integers) return static_cast<float>(1 + random() % 10);
  return std::normal_distribution<float>(0, 10)(random);
}

void append_digits(std::string& text, float value) {
  std::array<char, 32> number{};
  text.append(number.data(), std::to_chars(number.data(), number.data() + number.size(), value).ptr);
}

std::string csv_value(std::span<const float> row) {
  std::string text;
  for (const float value : row) {
    if (!text.empty()) text += ',';
    append_digits(text, value);
  }
  return text;
}

std::string json_value(std::span<const float> row, const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t feature = 0; feature < row.size(); ++feature) {
    text += fmt::format("{}\"{}\":", feature == 0 ? '{' : ',', names[feature]);
    append_digits(text, row[feature]);
  }
  text += '}';
  return text;
}

// In Confluent's wire format, of a schema of that many float32.
std::string avro_value(std::span<const float> row) {
  std::string bytes("\0\0\0\0\1", 5);
  bytes.append(reinterpret_cast<const char*>(row.data()), row.size_bytes());
  return bytes;
}

std::string value_of(std::span<const float> row, const std::vector<std::string>& names, RecordFormat format) {
  switch (format) {
    case RecordFormat::csv:
      return csv_value(row);
    case RecordFormat::json:
      return json_value(row, names);
    case RecordFormat::avro:
      return avro_value(row);
    case RecordFormat::packed:
      break;  // many rows in a value
  }
  throw std::invalid_argument("a format without samples");
}

}  // namespace

AvroSchemas sample_schemas(std::uint32_t features) {
  std::string fields;
  for (const std::string& name : sample_names(features)) {
    fields += fmt::format(R"({}{{"name":"{}","type":"float"}})", fields.empty() ? "" : ",", name);
  }
  return {.text = {},
          .fetch = [text = fmt::format(R"({{"type":"record","name":"Sample","fields":[{}]}})", fields)](
                       std::uint32_t) -> std::optional<AvroSchemaText> {
            return AvroSchemaText{.text = text, .references = {}};
          }};
}

std::vector<std::string> sample_names(std::uint32_t features) {
  std::vector<std::string> names;
  for (std::uint32_t feature = 1; feature <= features; ++feature) {
    names.push_back(fmt::format("feature_{}", feature));
  }
  return names;
}

SampleRecords::SampleRecords(std::size_t rows, std::uint32_t features, SampleValues values,
                             RecordFormat format) {
  std::mt19937 random(1);
  const std::vector<std::string> names = sample_names(features);
  PackedWriter packed(features, true);
  std::vector<float> numbers(features);
  for (std::size_t row = 0; row < rows; ++row) {
    for (float& number : numbers) number = sample_value(values, random);
    const bool positive = random() % 2 != 0;
    if (format != RecordFormat::packed) {
      add(value_of(numbers, names, format), positive ? "1" : "0");
      continue;
    }
    packed.add(numbers, positive ? 1.0F : 0.0F);
    if (packed.rows() == kPackedRows || row + 1 == rows) add(std::string(packed.take()), {});
  }
}

void SampleRecords::add(std::string value, std::string_view key) {
  values_.push_back(std::move(value));
  bytes_ += values_.back().size();
  records_.push_back({.offset = static_cast<std::int64_t>(records_.size()),
                      .key = key,
                      .value = values_.back(),
                      .has_key = !key.empty(),
                      .has_value = true});
}

SampleWindow::SampleWindow(Engine& engine, std::uint32_t rows, std::uint32_t features) {
  const std::size_t values = std::size_t{rows} * features;
  memory_ = engine.allocate_host((values + rows) * sizeof(float) + rows * sizeof(std::uint32_t));
  const std::span<float> numbers(reinterpret_cast<float*>(memory_.get()), values);
  const std::span<float> labels(numbers.data() + values, rows);
  const std::span<std::uint32_t> index(reinterpret_cast<std::uint32_t*>(labels.data() + rows), rows);
  std::minstd_rand random(1);
  for (float& number : numbers) number = static_cast<float>(random() % 10 + 1);
  for (float& label : labels) label = static_cast<float>(random() % 2);
  std::iota(index.begin(), index.end(), 0U);
  view_ = {.rows = rows,
           .slot_rows = rows,
           .features = features,
           .values = numbers.data(),
           .labels = labels.data(),
           .row_index = index.data()};
}

}  // namespace millrace
