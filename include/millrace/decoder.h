// From the bytes of records to rows of float32.
#pragma once

#include <cstdint>
#include <span>

#include "millrace/record.h"
#include "millrace/window.h"

namespace millrace {

struct DecodeOutcome {
  bool good = false;
  BadRecordReason reason = BadRecordReason::malformed;  // when not good
  std::int32_t field = -1;                              // the offending field from 0; -1: none in particular
};

// Decodes records that hold one row each. Stateless between calls: any number of threads may call `decode` of
// one decoder at a time. Allocates nothing per record. Never throws on bad input: it reports it.
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;

  [[nodiscard]] virtual std::uint32_t features() const = 0;

  // records[i] becomes row i of `values` [records, features] and labels[i]; outcomes[i] says whether it did.
  // Rows of bad records hold anything. A missing value becomes NaN.
  virtual void decode(std::span<const RecordView> records, float* values, float* labels,
                      std::span<DecodeOutcome> outcomes) const = 0;
};

}  // namespace millrace
