// CSV rows of small whole numbers ("5,1,10,2"), all fields of a row at once: what many topics hold, several
// times as fast as field by field.
//
// Pure functions; any thread. They take a row only where nothing about it is in doubt, and say so; every
// other one is left to the decoder, which alone judges what is bad. Exact: numbers up to 999 are floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace {

// How the fields of a row are used. At most kMostFields of them.
struct ShortRowLayout {
  static constexpr std::size_t kMostFields = 16;
  static constexpr std::size_t kMostBytes = 63;  // of a row

  std::uint32_t fields = 0;
  std::uint32_t features = 0;  // bit f: field f is a feature; they stand in the row in this order
  std::int32_t label = -1;     // the field that is the label; -1: none is
  char separator = ',';        // no digit
};

// The layout of fields of which each becomes the feature of this number, the label (-1) or nothing (-2);
// `fields` 0 where such rows cannot be read here.
[[nodiscard]] ShortRowLayout short_row_layout(std::span<const std::int32_t> targets, char separator);

// Whether [value, value + size) is a row of `layout.fields` numbers of one to three digits with one separator
// between two, and its label 0 or 1; then `row` and `label` (where the layout has one) hold it. If not, they
// hold anything.
using ReadShortRow = bool (*)(const char* value, std::size_t size, const ShortRowLayout& layout, float* row,
                              float& label);

// The one of this processor; null where it has none.
[[nodiscard]] ReadShortRow short_row_reader();

}  // namespace millrace
