// Avro values, in Avro's binary encoding, to rows of float32.
//
// Owned by the trainer; any number of threads decode with one decoder at a time. A schema is fetched and made
// into a plan by the first thread that meets its id, while others that need one wait; records of known ids
// take no lock. The rules:
//   1. A value is one datum. Without a schema of its own the decoder expects Confluent's wire format: a zero
//      byte, the id of the schema as four bytes, the highest first, and the datum.
//   2. Fields are named by paths (field_tree.h): fields of records by name or alias, entries of maps by key,
//      elements of arrays by index; unions stand for whatever they hold.
//   3. Numbers are rounded once to the nearest float32; true is 1, an enumeration the number of its symbol,
//      from 0; decimals are their value; other logical types are the numbers that they are written as; text
//      is read as a field of CSV is. null and NaN are missing (NaN in the row), as is all within a null.
//   4. What is not good is reported by reason:
//        tombstone      the value is null
//        too_large      the value has more than `max_record_bytes` bytes
//        malformed      no wire format, an id that the registry does not know or whose schema is none of
//                       Avro, a datum that ends early or late or does not follow its schema, values that
//                       nobody wants nested deeper than 64
//        not_a_number   text that is no number, or a type that cannot be one
//        not_finite     an infinity, or a number that rounds to one
//        column_count   a field that the schema lacks, unless `absent_is_missing`
//        label_missing  the label is null, missing, or not in the schema; for keys and headers as in CSV
//        label_invalid  a label that is not a number, or outside [0, 1]
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "millrace/decoder.h"

#include "decode/avro_plan.h"
#include "decode/decoder_settings.h"

namespace millrace {

class AvroDecoder final : public Decoder {
 public:
  // Errors: OptionError where features and label make no sense, the one schema is none, or there is no source
  // of schemas.
  explicit AvroDecoder(const DecoderSettings& settings);
  ~AvroDecoder() override;

  [[nodiscard]] std::uint32_t features() const override { return settings_.features; }
  // Throws what the source of schemas throws.
  void decode(std::span<const RecordView> records, std::uint32_t first_row, float* values, float* labels,
              std::span<DecodeOutcome> outcomes) const override;
  [[nodiscard]] std::string field_name(std::int32_t field) const override;

 private:
  struct Known;
  using Table = std::vector<const Known*>;  // by id

  const AvroPlan* plan_for(std::uint32_t id) const;
  const Known* find(std::uint32_t id) const;
  const Known* learn(std::uint32_t id) const;
  DecodeOutcome decode_value(std::string_view value, float* row, float& label) const;

  // Constant after construction.
  DecoderSettings settings_;
  std::unique_ptr<const AvroPlan> only_plan_;  // of the one schema, where there is one

  mutable std::atomic<const Table*> table_{nullptr};  // the newest of tables_; only ever grows
  mutable std::mutex learning_;
  // Guarded by learning_. Old tables stay: somebody may be looking into them.
  mutable std::vector<std::unique_ptr<const Known>> known_;
  mutable std::vector<std::unique_ptr<const Table>> tables_;
};

}  // namespace millrace
