#include "decode/csv_decoder.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <system_error>

#include "millrace/errors.h"

#include "decode/field_outcome.h"
#include "decode/number.h"
#include "decode/utf8.h"

namespace millrace {
namespace {

using From = LabelRule::From;

// ---- How the fields of a value are called ----

[[noreturn]] void refuse(OptionError::Kind kind, const char* option, const std::string& value,
                         std::string reason) {
  throw OptionError(kind, option, value, std::move(reason));
}

// The number of a field that has no name, from 1.
std::size_t field_number(const char* option, const std::string& name) {
  constexpr std::size_t kMostFields = 1'000'000;
  std::size_t number = 0;
  const char* const last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data(), last, number);
  if (error != std::errc{} || end != last || number == 0 || number > kMostFields) {
    refuse(OptionError::Kind::invalid, option, name,
           "without --columns, fields are called by their number, from 1");
  }
  return number;
}

std::vector<std::string> field_names(const DecoderSettings& settings) {
  if (!settings.columns.empty()) return settings.columns;
  const bool label_is_field = settings.label.from == From::column;
  std::size_t count = label_is_field ? field_number("--label", settings.label.name) : 0;
  if (settings.feature_names.empty()) {
    count = std::max(count, std::size_t{settings.features} + (label_is_field ? 1 : 0));
  }
  for (const std::string& name : settings.feature_names)
    count = std::max(count, field_number("--features", name));
  std::vector<std::string> names;
  for (std::size_t number = 1; number <= count; ++number) names.push_back(std::to_string(number));
  return names;
}

std::size_t place_of(const std::vector<std::string>& names, const std::string& name, const char* option) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    refuse(OptionError::Kind::unknown, option, name, "no column has this name");
  }
  return static_cast<std::size_t>(std::distance(names.begin(), found));
}

void refuse_repeated_names(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    refuse(OptionError::Kind::invalid, "--columns", *twice, "two columns have this name");
}

// ---- The text of one field ----

struct Field {
  std::string_view text;      // without blanks around it and without its quotes
  const char* end = nullptr;  // the separator after it, or the end of the value
  bool broken_quotes = false;
};

// A field in quotes; `first` is behind the opening one. A doubled quote stays doubled: no number has one.
Field cut_quoted_field(const char* const first, const char* const last, char separator) {
  const char* closing = std::find(first, last, '"');
  while (closing != last && closing + 1 != last && closing[1] == '"')
    closing = std::find(closing + 2, last, '"');
  if (closing == last) return {.end = last, .broken_quotes = true};
  const char* end = closing + 1;
  while (end != last && *end != separator && is_blank(*end)) ++end;
  return {.text = trimmed({first, static_cast<std::size_t>(closing - first)}),
          .end = end,
          .broken_quotes = end != last && *end != separator};
}

Field cut_field(const char* first, const char* const last, char separator) {
  while (first != last && *first != separator && is_blank(*first)) ++first;
  if (first != last && *first == '"') return cut_quoted_field(first + 1, last, separator);
  const char* const end = std::find(first, last, separator);
  return {.text = trimmed({first, static_cast<std::size_t>(end - first)}),
          .end = end,
          .broken_quotes = std::find(first, end, '"') != end};
}

std::string_view without_line_end(std::string_view value) {
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.remove_suffix(1);
  return value;
}

}  // namespace

CsvDecoder::CsvDecoder(const DecoderSettings& settings)
    : features_(settings.features),
      label_from_(settings.label.from),
      max_record_bytes_(settings.max_record_bytes),
      separator_(settings.separator),
      names_(field_names(settings)),
      targets_(names_.size(), kIgnored) {
  using Kind = OptionError::Kind;
  refuse_repeated_names(names_);
  std::size_t label_place = names_.size();
  if (label_from_ == From::column) {
    label_place = place_of(names_, settings.label.name, "--label");
    targets_[label_place] = kLabel;
  }

  std::int32_t found = 0;
  for (const std::string& name : settings.feature_names) {
    std::int32_t& target = targets_[place_of(names_, name, "--features")];
    if (target == kLabel) refuse(Kind::conflict, "--features", name, "this column is the label");
    if (target != kIgnored) refuse(Kind::invalid, "--features", name, "this column is named twice");
    target = found++;
  }
  if (settings.feature_names.empty()) {
    for (std::int32_t& target : targets_) {
      if (target != kLabel) target = found++;
    }
  }
  if (features_ == 0 || static_cast<std::uint32_t>(found) != features_) {
    refuse(Kind::conflict, "--features", std::to_string(features_),
           "the columns hold " + std::to_string(found) + " features");
  }
  ignores_fields_ = std::find(targets_.begin(), targets_.end(), kIgnored) != targets_.end();
  short_layout_ = short_row_layout(targets_, separator_);
  const bool fits = short_layout_.fields > 0 && max_record_bytes_ > ShortRowLayout::kMostBytes;
  if (fits) read_short_ = short_row_reader();
}

std::string CsvDecoder::field_name(std::int32_t field) const {
  return field < 0 ? std::string{} : names_.at(static_cast<std::size_t>(field));
}

void CsvDecoder::decode(std::span<const RecordView> records, std::uint32_t /*first_row*/, float* values,
                        float* labels, std::span<DecodeOutcome> outcomes) const {
  for (std::size_t i = 0; i < records.size(); ++i) {
    float* const row = values + i * features_;
    if (read_short_ == nullptr || !read_short(records[i], row, labels[i])) {
      outcomes[i] = decode_record(records[i], row, labels[i]);
    } else if (label_from_ == From::column) {
      outcomes[i] = kGood;
    } else {
      outcomes[i] = decode_label_beside(records[i], label_from_, labels[i]);
    }
  }
}

bool CsvDecoder::read_short(const RecordView& record, float* row, float& label) const {
  return record.has_value && read_short_(record.value.data(), record.value.size(), short_layout_, row, label);
}

DecodeOutcome CsvDecoder::decode_record(const RecordView& record, float* row, float& label) const {
  if (!record.has_value) return bad(BadRecordReason::tombstone);
  if (record.value.size() > max_record_bytes_) return bad(BadRecordReason::too_large);
  const DecodeOutcome outcome = decode_value(without_line_end(record.value), row, label);
  // Numbers are ASCII: only a field that is none, or that nobody looked at, can hold other bytes.
  if ((!outcome.good || ignores_fields_) && !is_utf8(record.value)) return bad(BadRecordReason::malformed);
  return outcome.good ? decode_label_beside(record, label_from_, label) : outcome;
}

DecodeOutcome CsvDecoder::decode_value(std::string_view value, float* row, float& label) const {
  const char* at = value.data();
  const char* const last = at + value.size();
  const auto fields = static_cast<std::int32_t>(targets_.size());
  for (std::int32_t field = 0; field < fields; ++field) {
    if (field > 0) {
      if (at == last) return bad(BadRecordReason::column_count);
      ++at;  // the separator
    }
    const std::int32_t target = targets_[static_cast<std::size_t>(field)];
    if (target != kIgnored) {
      float& into = target == kLabel ? label : row[target];
      const char* const end = parse_plain_number(at, last, into);
      if (end != nullptr && (end == last || *end == separator_)) {
        if (target == kLabel && !is_label(into)) return bad(BadRecordReason::label_invalid, field);
        at = end;
        continue;
      }
    }
    const Field cut = cut_field(at, last, separator_);
    if (cut.broken_quotes) return bad(BadRecordReason::malformed, field);
    at = cut.end;
    if (target == kIgnored) continue;
    const ParsedNumber number = parse_number(cut.text);
    const DecodeOutcome outcome =
        target == kLabel ? check_label(number, field) : check_feature(number, field);
    if (!outcome.good) return outcome;
    (target == kLabel ? label : row[target]) = number.kind == NumberKind::missing ? kMissing : number.value;
  }
  return at == last ? kGood : bad(BadRecordReason::column_count);
}

}  // namespace millrace
