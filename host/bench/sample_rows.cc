#include "bench/sample_rows.h"

#include <array>
#include <charconv>
#include <numeric>
#include <random>
#include <span>

namespace millrace {
namespace {

void append_value(std::string& text, SampleValues values, std::mt19937& random) {
  if (values == SampleValues::small_integers) {
    text += std::to_string(1 + random() % 10);
    return;
  }
  std::array<char, 32> number{};
  const float value = std::normal_distribution<float>(0, 10)(random);
  text.append(number.data(), std::to_chars(number.data(), number.data() + number.size(), value).ptr);
}

}  // namespace

SampleRecords::SampleRecords(std::size_t rows, std::uint32_t features, SampleValues values) {
  std::mt19937 random(1);
  for (std::size_t row = 0; row < rows; ++row) {
    std::string& text = values_.emplace_back();
    for (std::uint32_t feature = 0; feature < features; ++feature) {
      if (feature > 0) text += ',';
      append_value(text, values, random);
    }
    bytes_ += text.size();
    records_.push_back({.offset = static_cast<std::int64_t>(row),
                        .key = random() % 2 == 0 ? "0" : "1",
                        .value = text,
                        .has_key = true,
                        .has_value = true});
  }
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
