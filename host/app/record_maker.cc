#include "app/record_maker.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <numeric>

#include "millrace/errors.h"

#include "app/input_row_error.h"
#include "config/nearest_name.h"
#include "decode/field_outcome.h"

namespace millrace {

namespace {

// As many as fit a message.
std::string column_names(const CsvReader& header) {
  constexpr std::size_t kMost = 12;
  const auto names = header.fields();
  const bool all = names.size() <= kMost;
  return fmt::format("{}{}", fmt::join(names.first(all ? names.size() : kMost), ", "), all ? "" : ", ...");
}

std::size_t find_column(const std::string& name, const CsvReader& header) {
  const auto names = header.fields();
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) {
    throw OptionError(
        OptionError::Kind::unknown, "column " + name, "",
        fmt::format("{}:{} has the columns {}", header.name(), header.line(), column_names(header)),
        nearest_name(name, names));
  }
  if (std::find(found + 1, names.end(), name) != names.end()) {
    throw InputRowError(header.name(), header.line(), fmt::format("two columns have the name {}", name));
  }
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

RecordMaker::RecordMaker(RecordRules rules, const CsvReader& header)
    : rules_(std::move(rules)), width_(header.fields().size()) {
  if (!rules_.label.empty()) label_ = find_column(rules_.label, header);
  if (rules_.columns.empty()) {
    columns_.resize(width_);
    std::iota(columns_.begin(), columns_.end(), std::size_t{0});
    if (label_) columns_.erase(columns_.begin() + static_cast<std::ptrdiff_t>(*label_));
  }
  for (const std::string& column : rules_.columns) columns_.push_back(find_column(column, header));
  if (label_ && rules_.label_place == LabelPlace::last_column) columns_.push_back(*label_);
}

MadeRecord RecordMaker::make(const CsvReader& row) {
  const auto fields = row.fields();
  if (fields.size() != width_) {
    throw InputRowError(row.name(), row.line(),
                        fmt::format("expected {} fields as in the header, found {}", width_, fields.size()));
  }
  MadeRecord record;
  if (label_ && rules_.label_place == LabelPlace::key) record.key = map_label(row, fields[*label_]);
  value_.clear();
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    if (at > 0) value_ += ',';
    const std::string& original = fields[columns_[at]];
    const std::string& field = columns_[at] == label_ ? map_label(row, original) : original;
    if (rules_.numbers_only) require_number(row, field, columns_[at]);
    append_csv_field(value_, field);
  }
  record.value = value_;
  return record;
}

void RecordMaker::require_number(const CsvReader& row, const std::string& field, std::size_t column) const {
  const ParsedNumber number = parse_number(trimmed(field));
  const DecodeOutcome outcome = column == label_ ? check_label(number) : check_feature(number, 0);
  if (outcome.good) return;
  throw InputRowError(row.name(), row.line(),
                      fmt::format("{} in column {} {}", field.empty() ? "nothing" : field, column + 1,
                                  column == label_ ? "is no label from 0 to 1" : "is no finite number"));
}

const std::string& RecordMaker::map_label(const CsvReader& row, const std::string& label) const {
  if (rules_.label_map.empty()) return label;
  const auto found = std::ranges::find(rules_.label_map, label, &std::pair<std::string, std::string>::first);
  if (found == rules_.label_map.end()) {
    throw InputRowError(row.name(), row.line(),
                        fmt::format("the label {} is not in --label-map", label.empty() ? "(empty)" : label));
  }
  return found->second;
}

}  // namespace millrace
