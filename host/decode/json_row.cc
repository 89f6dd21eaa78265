#include "decode/json_row.h"

namespace millrace {

DecodeOutcome JsonRow::miss(std::uint32_t node) {
  met_.add(node);
  const FieldTree::Node& at = fields_[node];
  if (at.is_field()) return take({NumberKind::missing}, at.field);
  for (const FieldTree::Member& member : at.members) {
    if (const DecodeOutcome outcome = miss(member.node); !outcome.good) return outcome;
  }
  for (const std::uint32_t element : at.elements) {
    if (element == FieldTree::kNone) continue;
    if (const DecodeOutcome outcome = miss(element); !outcome.good) return outcome;
  }
  return kGood;
}

DecodeOutcome JsonRow::miss_absent() {
  for (std::uint32_t node = 0; node < fields_.size(); ++node) {
    const std::int32_t field = fields_[node].field;
    if (field < 0 || met_.has(node)) continue;
    const bool is_bad = !rules_.absent_is_missing && field != rules_.label_field;
    const DecodeOutcome outcome =
        is_bad ? bad(BadRecordReason::column_count, field) : take({NumberKind::missing}, field);
    if (!outcome.good) return outcome;
  }
  return kGood;
}

}  // namespace millrace
