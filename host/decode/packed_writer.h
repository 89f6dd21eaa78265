// Writes packed float32 values (packed_decoder.h). One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class PackedWriter {
 public:
  PackedWriter(std::uint32_t features, bool labelled) : features_(features), labelled_(labelled) {}

  [[nodiscard]] std::uint32_t features() const { return features_; }
  [[nodiscard]] std::uint32_t rows() const { return rows_; }

  // `row` has as many numbers as there are features; where rows have no labels, the label counts nothing.
  void add(std::span<const float> row, float label);

  // The value of all rows since the last one, at least one; valid until the next.
  [[nodiscard]] std::string_view take();

 private:
  // Constant after construction.
  std::uint32_t features_;
  bool labelled_;

  std::uint32_t rows_ = 0;
  std::vector<float> values_;
  std::vector<float> labels_;
  std::string value_;
};

}  // namespace millrace
