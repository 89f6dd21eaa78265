#include "bench/sample_rows.h"

#include <array>
#include <charconv>
#include <numeric>
#include <random>

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

SampleWindow::SampleWindow(std::uint32_t rows, std::uint32_t features)
    : features_(features), values_(std::size_t{rows} * features), labels_(rows), index_(rows) {
  std::minstd_rand random(1);
  for (float& value : values_) value = static_cast<float>(random() % 10 + 1);
  for (float& label : labels_) label = static_cast<float>(random() % 2);
  std::iota(index_.begin(), index_.end(), 0U);
}

WindowView SampleWindow::view() const {
  const auto rows = static_cast<std::uint32_t>(labels_.size());
  return {.rows = rows,
          .slot_rows = rows,
          .features = features_,
          .values = values_.data(),
          .labels = labels_.data(),
          .row_index = index_.data()};
}

}  // namespace millrace
