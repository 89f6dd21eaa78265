// What every decoder says of a field, whatever the format it stood in.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "millrace/decoder.h"

#include "decode/decoder_settings.h"
#include "decode/number.h"

namespace millrace {

[[nodiscard]] constexpr DecodeOutcome bad(BadRecordReason reason, std::int32_t field = -1) {
  return {.good = false, .reason = reason, .field = field};
}

inline constexpr DecodeOutcome kGood{.good = true, .reason = BadRecordReason::malformed, .field = -1};
inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// Where something is wrong, for sentences: " (row 3, field age)", rows counted from 0; empty where nobody
// knows.
[[nodiscard]] std::string place_in_record(std::int32_t row, std::string_view field);

[[nodiscard]] constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Without the blanks around it.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

[[nodiscard]] constexpr bool is_label(float value) { return value >= 0 && value <= 1; }

// Missing values are good features and bad labels.
[[nodiscard]] DecodeOutcome check_feature(const ParsedNumber& number, std::int32_t field);
[[nodiscard]] DecodeOutcome check_label(const ParsedNumber& number, std::int32_t field = -1);

// The label where it stands in the record's key or header, or is none: all but From::column.
[[nodiscard]] DecodeOutcome decode_label_beside(const RecordView& record, LabelRule::From from, float& label);

}  // namespace millrace
