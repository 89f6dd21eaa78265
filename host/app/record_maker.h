// From a row of named fields to the key and the value of a record.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/csv_reader.h"

namespace millrace {

enum class LabelPlace { key, last_column };

struct RecordRules {
  std::vector<std::string> columns;  // features, in the order to send them; empty: all but the label
  std::string label;                 // the label's column; empty: none, and keys are null
  LabelPlace label_place = LabelPlace::key;
  std::vector<std::pair<std::string, std::string>> label_map;  // from, to; empty: labels stay as they are
  bool numbers_only = false;  // features are numbers or missing, and labels lie in [0, 1]
};

// Views into the maker; valid until its next record.
struct MadeRecord {
  std::optional<std::string_view> key;
  std::string_view value;  // CSV text, without a line end
};

// Made for the header that the rows stand under. One thread.
class RecordMaker {
 public:
  // The current row of the reader is the header. Throws OptionError for a column that it does not name, and
  // InputRowError for one that it names twice.
  RecordMaker(RecordRules rules, const CsvReader& header);

  // Throws InputRowError: another number of fields than the header has, a label that is not in the map, or
  // what is no number where the rules ask for numbers.
  [[nodiscard]] MadeRecord make(const CsvReader& row);

  // Of each value.
  [[nodiscard]] std::size_t fields() const { return columns_.size(); }

 private:
  void require_number(const CsvReader& row, const std::string& field, std::size_t column) const;
  [[nodiscard]] const std::string& map_label(const CsvReader& row, const std::string& label) const;

  const RecordRules rules_;
  const std::size_t width_;           // fields of a row
  std::vector<std::size_t> columns_;  // where the features stand
  std::optional<std::size_t> label_;  // where the label stands
  std::string value_;
};

}  // namespace millrace
