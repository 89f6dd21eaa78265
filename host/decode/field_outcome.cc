#include "decode/field_outcome.h"

#include <fmt/format.h>

namespace millrace {
namespace {

DecodeOutcome decode_label(std::string_view text, bool present, float& label) {
  if (!present) return bad(BadRecordReason::label_missing);
  if (text.size() == 1 && (text[0] == '0' || text[0] == '1')) {  // nearly all are
    label = static_cast<float>(text[0] - '0');
    return kGood;
  }
  const ParsedNumber number = parse_number(trimmed(text));
  label = number.value;
  return check_label(number);
}

}  // namespace

std::string place_in_record(std::int32_t row, std::string_view field) {
  if (row < 0) return field.empty() ? std::string() : fmt::format(" (field {})", field);
  return field.empty() ? fmt::format(" (row {})", row) : fmt::format(" (row {}, field {})", row, field);
}

DecodeOutcome check_feature(const ParsedNumber& number, std::int32_t field) {
  switch (number.kind) {
    case NumberKind::not_a_number:
      return bad(BadRecordReason::not_a_number, field);
    case NumberKind::not_finite:
      return bad(BadRecordReason::not_finite, field);
    default:
      return kGood;
  }
}

DecodeOutcome check_label(const ParsedNumber& number, std::int32_t field) {
  if (number.kind == NumberKind::missing) return bad(BadRecordReason::label_missing, field);
  const bool valid = number.kind == NumberKind::number && is_label(number.value);
  return valid ? kGood : bad(BadRecordReason::label_invalid, field);
}

DecodeOutcome decode_label_beside(const RecordView& record, LabelRule::From from, float& label) {
  switch (from) {
    case LabelRule::From::key:
      return decode_label(record.key, record.has_key, label);
    case LabelRule::From::header:
      return decode_label(record.header, record.has_header, label);
    case LabelRule::From::column:
      return kGood;
    case LabelRule::From::none:
      label = 0;
      return kGood;
  }
  return kGood;
}

}  // namespace millrace
