// The row that one JSON record becomes, while it is read.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/field_outcome.h"
#include "decode/field_tree.h"
#include "decode/number.h"

namespace millrace {

// Nested deeper, a value is malformed.
inline constexpr unsigned kDeepestJson = 64;

// Which values of a record were met already; a thread's, for one record after the other, of any decoder.
class MetValues {
 public:
  void begin_record(std::size_t nodes) {
    ++record_;
    if (met_.size() < nodes) met_.resize(nodes);
  }
  bool has(std::uint32_t node) const { return met_[node] == record_; }
  void add(std::uint32_t node) { met_[node] = record_; }

 private:
  std::uint64_t record_ = 0;
  std::vector<std::uint64_t> met_;  // [nodes] the record in which each was met last
};

class JsonRow {
 public:
  struct Rules {
    std::int32_t label_field = -1;  // -1: the label is elsewhere
    bool absent_is_missing = false;
  };

  JsonRow(const FieldTree& fields, const Rules& rules, MetValues& met, float* values, float& label)
      : fields_(fields), rules_(rules), met_(met), values_(values), label_(label) {
    met_.begin_record(fields.size());
  }

  [[nodiscard]] const FieldTree& fields() const { return fields_; }

  // False: the value at this node was met before.
  [[nodiscard]] bool meet(std::uint32_t node) {
    if (met_.has(node)) return false;
    met_.add(node);
    return true;
  }

  [[nodiscard]] DecodeOutcome take(const ParsedNumber& number, std::int32_t field) {
    ++taken_;
    const bool is_label = field == rules_.label_field;
    (is_label ? label_ : values_[field]) = number.kind == NumberKind::missing ? kMissing : number.value;
    return is_label ? check_label(number, field) : check_feature(number, field);
  }

  // Likewise, of a finite number: most features are. False: not a good label.
  [[nodiscard]] bool take_finite(float number, std::int32_t field) {
    if (field == rules_.label_field) return take({NumberKind::number, number}, field).good;
    ++taken_;
    values_[field] = number;
    return true;
  }

  // All fields at and beneath a node are missing.
  [[nodiscard]] DecodeOutcome miss(std::uint32_t node);
  // What is left when all of the value was read.
  [[nodiscard]] DecodeOutcome finish() { return taken_ == fields_.fields() ? kGood : miss_absent(); }

 private:
  DecodeOutcome miss_absent();

  const FieldTree& fields_;
  const Rules& rules_;
  MetValues& met_;
  float* const values_;
  float& label_;
  std::size_t taken_ = 0;
};

}  // namespace millrace
