// CSV values, as RFC 4180 writes them, to rows of float32.
//
// Any number of threads decode with one decoder at a time. The rules:
//   1. A value is one line of fields. A trailing \r or \n is cut off; blanks around a field are ignored; a
//   field
//      may stand in quotes. An empty value is one empty field.
//   2. A field is missing (NaN in the row) if it is empty, `?`, or `NaN` in any case, with or without a sign.
//   3. Any other field is a decimal number, rounded once to the nearest float32, exactly as strtof does it. A
//      leading + is accepted, hexadecimal is not.
//   4. What is not good is reported by reason, the first from the left, with the number of the field:
//        tombstone      the value is null
//        too_large      the value has more than `max_record_bytes` bytes
//        malformed      broken quotes, or bytes anywhere in the value that are not UTF-8
//        not_a_number   a field that is neither a number nor missing
//        not_finite     an infinity, or a number that rounds to one
//        column_count   too few or too many fields
//        label_missing  null or empty key, absent or empty header, missing field
//        label_invalid  a label that is not a number, or outside [0, 1]
//   5. Fields that are neither feature nor label may hold any text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/decoder.h"

#include "decode/decoder_settings.h"
#include "decode/short_rows.h"

namespace millrace {

class CsvDecoder final : public Decoder {
 public:
  // Errors: OptionError where features, columns and label do not fit together.
  explicit CsvDecoder(const DecoderSettings& settings);

  [[nodiscard]] std::uint32_t features() const override { return features_; }
  void decode(std::span<const RecordView> records, std::uint32_t first_row, float* values, float* labels,
              std::span<DecodeOutcome> outcomes) const override;
  [[nodiscard]] std::string field_name(std::int32_t field) const override;

 private:
  // What becomes of a field: a place in the row, or one of these.
  static constexpr std::int32_t kLabel = -1;
  static constexpr std::int32_t kIgnored = -2;

  bool read_short(const RecordView& record, float* row, float& label) const;
  DecodeOutcome decode_record(const RecordView& record, float* row, float& label) const;
  DecodeOutcome decode_value(std::string_view value, float* row, float& label) const;

  // Constant after construction.
  std::uint32_t features_;
  LabelRule::From label_from_;
  std::size_t max_record_bytes_;
  char separator_;
  bool ignores_fields_ = false;
  std::vector<std::string> names_;     // [fields] what each is called
  std::vector<std::int32_t> targets_;  // [fields] what becomes of each
  ShortRowLayout short_layout_;
  ReadShortRow read_short_ = nullptr;  // null: every row is read field by field
};

}  // namespace millrace
