#include "decode/packed_writer.h"

#include "decode/packed_layout.h"

namespace millrace {
namespace {

void append_numbers(std::string& value, const std::vector<float>& numbers) {
  value.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float));
}

}  // namespace

void PackedWriter::add(std::span<const float> row, float label) {
  values_.insert(values_.end(), row.begin(), row.end());
  if (labelled_) labels_.push_back(label);
  ++rows_;
}

std::string_view PackedWriter::take() {
  const PackedHeader header{
      .flags = labelled_ ? PackedHeader::kLabelled : std::uint16_t{0}, .features = features_, .rows = rows_};
  value_.assign(reinterpret_cast<const char*>(&header), sizeof header);
  append_numbers(value_, values_);
  append_numbers(value_, labels_);
  values_.clear();
  labels_.clear();
  rows_ = 0;
  return value_;
}

}  // namespace millrace
