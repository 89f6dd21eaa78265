// The half of AvroPlan that goes from a datum to a row.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "decode/avro_cursor.h"
#include "decode/avro_number.h"
#include "decode/avro_plan.h"

namespace millrace {
namespace {

using Kind = AvroType::Kind;

constexpr unsigned kDeepest = 64;

constexpr DecodeOutcome kMalformed = bad(BadRecordReason::malformed);

}  // namespace

DecodeOutcome AvroPlan::read(std::string_view datum, float* row, float& label) const {
  AvroCursor cursor{datum.data(), datum.data() + datum.size()};
  const DecodeOutcome outcome = run(main_, cursor, row, label);
  return outcome.good && cursor.at != cursor.end ? kMalformed : outcome;
}

DecodeOutcome AvroPlan::run(const Program& program, AvroCursor& cursor, float* row, float& label) const {
  for (const Step& step : program) {
    DecodeOutcome outcome = kGood;
    switch (step.op) {
      case Op::floats: {
        float* const values = row + step.field;
        if (!cursor.pass(step.count * sizeof(float))) return kMalformed;
        std::memcpy(values, cursor.at - step.count * sizeof(float), step.count * sizeof(float));
        for (std::size_t i = 0; i < step.count; ++i) {
          if (std::isinf(values[i])) {
            return bad(BadRecordReason::not_finite, step.field + static_cast<std::int32_t>(i));
          }
        }
        continue;
      }
      case Op::nullable: {
        std::int64_t branch = 0;
        if (!cursor.take_long(branch) || (branch != 0 && branch != 1))
          return bad(BadRecordReason::malformed, step.field);
        if (branch == step.type) {
          row[step.field] = kMissing;
          continue;
        }
        outcome = read_value(step, cursor, row, label);
        break;
      }
      case Op::value:
        outcome = read_value(step, cursor, row, label);
        break;
      case Op::pass:
        if (!cursor.pass(step.count)) return kMalformed;
        continue;
      case Op::skip:
        if (!skip(step.type, cursor, 0)) return kMalformed;
        continue;
      case Op::branch: {
        std::int64_t branch = 0;
        if (!cursor.take_long(branch) || branch < 0 || static_cast<std::uint64_t>(branch) >= step.count) {
          return kMalformed;
        }
        outcome = run(programs_[step.type + static_cast<std::size_t>(branch)], cursor, row, label);
        break;
      }
      case Op::elements:
        outcome = read_elements(step, cursor, row, label);
        break;
      case Op::entries:
        outcome = read_entries(step, cursor, row, label);
        break;
      case Op::miss:
        row[step.field] = kMissing;
        continue;
      case Op::refuse:
        return bad(step.reason, step.field);
    }
    if (!outcome.good) return outcome;
  }
  return kGood;
}

DecodeOutcome AvroPlan::read_value(const Step& step, AvroCursor& cursor, float* row, float& label) const {
  const DecodeOutcome malformed = bad(BadRecordReason::malformed, step.field);
  switch (step.kind) {
    case Kind::float32: {
      float value = 0;
      if (!cursor.take(value)) return malformed;
      return take(number_of(static_cast<double>(value)), step.field, row, label);
    }
    case Kind::float64: {
      double value = 0;
      if (!cursor.take(value)) return malformed;
      return take(number_of(value), step.field, row, label);
    }
    case Kind::integer: {
      std::int64_t value = 0;
      if (!cursor.take_long(value)) return malformed;
      return take({NumberKind::number, static_cast<float>(value)}, step.field, row, label);
    }
    case Kind::boolean: {
      char value = 0;
      if (!cursor.take(value) || (value != 0 && value != 1)) return malformed;
      return take({NumberKind::number, static_cast<float>(value)}, step.field, row, label);
    }
    case Kind::enumeration: {
      std::int64_t symbol = 0;
      if (!cursor.take_long(symbol) || symbol < 0 || static_cast<std::uint64_t>(symbol) >= step.count) {
        return malformed;
      }
      return take({NumberKind::number, static_cast<float>(symbol)}, step.field, row, label);
    }
    case Kind::string: {
      std::string_view text;
      if (!cursor.take_bytes(text)) return malformed;
      return take(parse_number(trimmed(text)), step.field, row, label);
    }
    case Kind::bytes: {
      std::string_view bytes;
      if (!cursor.take_bytes(bytes)) return malformed;
      return take(decimal_of(bytes, step.scale), step.field, row, label);
    }
    case Kind::fixed:
      if (!cursor.pass(step.count)) return malformed;
      return take(decimal_of({cursor.at - step.count, step.count}, step.scale), step.field, row, label);
    default:
      return malformed;
  }
}

DecodeOutcome AvroPlan::read_elements(const Step& step, AvroCursor& cursor, float* row, float& label) const {
  std::uint64_t index = 0;
  for (;;) {
    std::uint64_t count = 0;
    std::int64_t bytes = 0;
    if (!cursor.take_block(count, bytes)) return kMalformed;
    if (count == 0) break;
    if (bytes >= 0 && index >= step.count && !fields_->is_unnamed_array()) {
      cursor.at += bytes;
      continue;
    }
    for (; count > 0; --count, ++index) {
      const std::size_t program =
          step.type + (index < step.count ? static_cast<std::size_t>(index) : 2 * step.count);
      // What takes no bytes and becomes nothing is done however many there are.
      if (index >= step.count && programs_[program].empty()) break;
      if (const DecodeOutcome outcome = run(programs_[program], cursor, row, label); !outcome.good)
        return outcome;
    }
  }
  for (; index < step.count; ++index) {
    const Program& absent = programs_[step.type + step.count + static_cast<std::size_t>(index)];
    if (const DecodeOutcome outcome = run(absent, cursor, row, label); !outcome.good) return outcome;
  }
  return kGood;
}

DecodeOutcome AvroPlan::read_entries(const Step& step, AvroCursor& cursor, float* row, float& label) const {
  const auto node = static_cast<std::uint32_t>(step.field);
  std::array<std::uint64_t, kMostEntries / 64> met{};  // a bit for each name
  for (;;) {
    std::uint64_t count = 0;
    std::int64_t bytes = 0;
    if (!cursor.take_block(count, bytes)) return kMalformed;
    if (count == 0) break;
    for (; count > 0; --count) {
      std::string_view name;
      if (!cursor.take_bytes(name)) return kMalformed;
      const std::uint32_t member = fields_->find(node, name);
      std::size_t program = 2 * step.count;
      if (member != FieldTree::kNone) {
        program = (*fields_)[member].place;
        const std::uint64_t bit = std::uint64_t{1} << program % 64;
        if ((met[program / 64] & bit) != 0)
          return bad(BadRecordReason::malformed, fields_->first_field_of(member));
        met[program / 64] |= bit;
      }
      const DecodeOutcome outcome = run(programs_[step.type + program], cursor, row, label);
      if (!outcome.good) return outcome;
    }
  }
  for (std::size_t i = 0; i < step.count; ++i) {
    if ((met[i / 64] >> i % 64 & 1) != 0) continue;
    const Program& absent = programs_[step.type + step.count + i];
    if (const DecodeOutcome outcome = run(absent, cursor, row, label); !outcome.good) return outcome;
  }
  return kGood;
}

// False: broken. A map is an array of names and values.
bool AvroPlan::skip(std::uint32_t type, AvroCursor& cursor, unsigned depth) const {
  if (depth > kDeepest) return false;
  const AvroType& held = schema_[type];
  std::int64_t number = 0;
  std::string_view bytes;
  switch (held.kind) {
    case Kind::null:
      return true;
    case Kind::boolean:
      return cursor.pass(1);
    case Kind::integer:
    case Kind::enumeration:
      return cursor.take_long(number);
    case Kind::float32:
      return cursor.pass(sizeof(float));
    case Kind::float64:
      return cursor.pass(sizeof(double));
    case Kind::bytes:
    case Kind::string:
      return cursor.take_bytes(bytes);
    case Kind::fixed:
      return cursor.pass(held.size);
    case Kind::variant:
      return cursor.take_long(number) && number >= 0 &&
             static_cast<std::uint64_t>(number) < held.branches.size() &&
             skip(held.branches[static_cast<std::size_t>(number)], cursor, depth + 1);
    case Kind::record:
      return std::ranges::all_of(held.fields,
                                 [&](const AvroField& field) { return skip(field.type, cursor, depth + 1); });
    case Kind::array:
    case Kind::map:
      break;
  }
  for (;;) {
    std::uint64_t count = 0;
    std::int64_t size = 0;
    if (!cursor.take_block(count, size)) return false;
    if (count == 0) return true;
    if (size >= 0) {
      cursor.at += size;
      continue;
    }
    if (held.kind == Kind::array && schema_.is_empty(held.branches.front())) continue;
    for (; count > 0; --count) {
      if (held.kind == Kind::map && !cursor.take_bytes(bytes)) return false;
      if (!skip(held.branches.front(), cursor, depth + 1)) return false;
    }
  }
}

DecodeOutcome AvroPlan::take(const ParsedNumber& number, std::int32_t field, float* row, float& label) const {
  const bool is_label = field == label_field_;
  (is_label ? label : row[field]) = number.kind == NumberKind::missing ? kMissing : number.value;
  return is_label ? check_label(number, field) : check_feature(number, field);
}

}  // namespace millrace
