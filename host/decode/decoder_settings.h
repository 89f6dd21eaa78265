// What a decoder must know of the records that it will meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decode/avro_schema.h"

namespace millrace {

enum class RecordFormat : std::uint8_t { csv, json, avro, packed };

// "csv" and so on, as --format says it.
[[nodiscard]] std::string_view name_of(RecordFormat format);
// Errors: OptionError for --format.
[[nodiscard]] RecordFormat parse_record_format(std::string_view text);

// Where a record carries its label.
struct LabelRule {
  enum class From { key, column, header, none } from = From::key;
  std::string name;  // of the column or the header; else empty

  bool operator==(const LabelRule&) const = default;
};

// `key`, `value:NAME` or `header:NAME`. Errors: OptionError for --label.
[[nodiscard]] LabelRule parse_label_rule(std::string_view text);

// What stands between two fields of CSV: one character, or `tab`. Errors: OptionError for --separator.
[[nodiscard]] char parse_separator(std::string_view text);

struct DecoderSettings {
  RecordFormat format = RecordFormat::csv;
  std::uint32_t features = 0;
  // Which fields are features, in the order of the row; paths where values nest (field_tree.h). Empty: all
  // fields but the label.
  std::vector<std::string> feature_names;
  // The names of a value's fields, for formats whose values do not name them. Empty: they are named "1", "2",
  // …, and there are as many as features and label need: up to the largest number that `feature_names` or the
  // label name.
  std::vector<std::string> columns;
  LabelRule label;
  std::size_t max_record_bytes = std::size_t{1} << 20;
  char separator = ',';  // CSV
  AvroSchemas schemas;   // Avro
  bool absent_is_missing =
      false;  // formats that name their fields: one that is not there is missing, not bad
};

}  // namespace millrace
