// From the bytes of records to rows of float32.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "millrace/record.h"
#include "millrace/window.h"

namespace millrace {

struct DecodeOutcome {
  bool good = false;
  BadRecordReason reason = BadRecordReason::malformed;  // when not good
  std::int32_t field = -1;                              // the offending field from 0; -1: none in particular
  std::int32_t row = -1;  // the offending row of a record of many, from 0; -1: none in particular
};

// Decodes records of one format. Stateless between calls: any number of threads may call one decoder at a
// time. Allocates nothing per record. Never throws on bad input: it reports it.
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;

  [[nodiscard]] virtual std::uint32_t features() const = 0;

  // Whether a record can hold more than one row.
  [[nodiscard]] virtual bool holds_many_rows() const { return false; }

  // How many rows the record holds, at least 1: a bad record takes the place of one. A record is good or bad
  // as a whole, so where there can be more than one row this looks at all of it.
  [[nodiscard]] virtual std::uint32_t rows_of(const RecordView& /*record*/) const { return 1; }

  // Of the rows that the records hold together, in their order, those from row `first_row` of the first
  // record on, as many as there are outcomes: row i of them becomes row i of `values` [outcomes, features]
  // and labels[i], and outcomes[i] says whether it did. Rows that are not good hold anything. A missing value
  // becomes NaN; where rows have no label, their labels are 0.
  virtual void decode(std::span<const RecordView> records, std::uint32_t first_row, float* values,
                      float* labels, std::span<DecodeOutcome> outcomes) const = 0;

  // The name of a field that an outcome speaks of; empty for -1.
  [[nodiscard]] virtual std::string field_name(std::int32_t field) const = 0;
};

}  // namespace millrace
