// JSON values (RFC 8259), one object each, to rows of float32. Most are read in one pass (plain_json.h), the
// others with simdjson, on demand, which knows all of JSON and finds what is wrong with a record.
//
// Owned by the trainer; any number of threads decode with one decoder at a time: what a record needs while it
// is read belongs to the thread. The rules:
//   1. A value is one object, or an array that holds one object; where features have no names, it is one
//      array of numbers. Confluent's wire format may put five bytes before it. Members may stand in any
//      order; fields are named by paths (field_tree.h).
//   2. A field is missing (NaN in the row) if it is null, bare NaN (as Python writes it), or a string that
//      would be missing in CSV; so are all fields of an object or array that is null.
//   3. A number is rounded once from its digits to the nearest float32. A string is read as a field of CSV
//      is; true is 1, false is 0.
//   4. What is not good is reported by reason:
//        tombstone      the value is null
//        too_large      the value has more than `max_record_bytes` bytes
//        malformed      not well-formed JSON or UTF-8, anywhere in the value; nested deeper than 64; a field
//                       that is there twice; not the one object or array of rule 1
//        not_a_number   text that is no number, an object, or an array where a number should be
//        not_finite     an infinity, or a number that rounds to one
//        column_count   a field that is absent, unless `absent_is_missing`; too many elements without names
//        label_missing  the label is absent or missing; for keys and headers as in CSV
//        label_invalid  a label that is not a number, or outside [0, 1]
//      Broken UTF-8 and quotes are found before anything else, and the rest from the left to the right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "millrace/decoder.h"

#include "decode/decoder_settings.h"
#include "decode/field_tree.h"
#include "decode/json_row.h"

namespace millrace {

class JsonDecoder final : public Decoder {
 public:
  // Errors: OptionError where features, columns and label do not fit together.
  explicit JsonDecoder(const DecoderSettings& settings);

  [[nodiscard]] std::uint32_t features() const override { return features_; }
  void decode(std::span<const RecordView> records, std::uint32_t first_row, float* values, float* labels,
              std::span<DecodeOutcome> outcomes) const override;
  [[nodiscard]] std::string field_name(std::int32_t field) const override;

 private:
  // Constant after construction.
  std::uint32_t features_;
  LabelRule::From label_from_;
  std::size_t max_record_bytes_;
  JsonRow::Rules rules_;
  FieldTree fields_;
};

}  // namespace millrace
