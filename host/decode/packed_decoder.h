// Packed float32 values, many rows in a record, to rows of float32.
//
// Any number of threads decode with one decoder at a time. A value is a header of 16 bytes and two blocks,
// all little-endian:
//      0  char[4]   magic, "mrpk"
//      4  uint16    version, 1
//      6  uint16    flags: 1, labels follow the features; no other one is known
//      8  uint32    features of a row
//     12  uint32    rows, at least 1
//     16  float32   [rows, features] row-major; NaN is a missing value
//      …  float32   [rows] labels, where the flag says so
// The rules:
//   1. A value is as long as its header says, to the byte.
//   2. Labels come from the block (value:NAME, where NAME only names it in errors), or one from the record's
//      key or header for all of its rows. A block that nobody asked for is passed over.
//   3. A record is good or bad as a whole. What is not good is reported by reason; a number by the first row
//      and field that is wrong:
//        tombstone      the value is null
//        too_large      the value has more than `max_record_bytes` bytes
//        malformed      not of this layout, of another version, of no rows, or of another length
//        column_count   rows of another number of features
//        not_finite     an infinity
//        label_missing  null or empty key, absent or empty header, no block, NaN
//        label_invalid  a label that is not a number, or outside [0, 1]
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/decoder.h"

#include "decode/decoder_settings.h"

namespace millrace {

class PackedDecoder final : public Decoder {
 public:
  // Errors: OptionError where features and label do not fit together.
  explicit PackedDecoder(const DecoderSettings& settings);

  [[nodiscard]] std::uint32_t features() const override { return features_; }
  [[nodiscard]] bool holds_many_rows() const override { return true; }
  [[nodiscard]] std::uint32_t rows_of(const RecordView& record) const override;
  void decode(std::span<const RecordView> records, std::uint32_t first_row, float* values, float* labels,
              std::span<DecodeOutcome> outcomes) const override;
  [[nodiscard]] std::string field_name(std::int32_t field) const override;

 private:
  struct Table {
    DecodeOutcome outcome;
    std::uint32_t rows = 0;        // where the outcome is good, as is what follows
    const char* values = nullptr;  // [rows, features]
    const char* labels = nullptr;  // [rows]; null: all have the same
    float label = 0;
  };

  // What the header tells, and whether it is true of the value's length.
  [[nodiscard]] Table table_of(const RecordView& record) const;
  // All of the record.
  [[nodiscard]] Table checked_table_of(const RecordView& record) const;

  // Constant after construction.
  std::uint32_t features_;
  LabelRule label_;
  std::size_t max_record_bytes_;
  std::vector<std::string> names_;  // [features]; empty: "1", "2", …
};

}  // namespace millrace
