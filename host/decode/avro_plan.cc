#include "decode/avro_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "millrace/errors.h"

namespace millrace {
namespace {

using Kind = AvroType::Kind;

constexpr unsigned kDeepest = 64;
constexpr std::size_t kMostPrograms = 100'000;  // a schema of unions of unions of … could ask for any number
constexpr std::size_t kMostEntries = 1024;      // that are read of one map
constexpr std::uint32_t kNoNode = FieldTree::kNone;

constexpr DecodeOutcome kMalformed = bad(BadRecordReason::malformed);

std::string escaped(const std::string& name) {
  std::string path;
  for (const char c : name) {
    if (c == '.' || c == '[' || c == '\\') path += '\\';
    path += c;
  }
  return path;
}

// The settings with names for the features where there are none and the schema has some.
DecoderSettings with_names(const AvroSchema& schema, DecoderSettings settings) {
  const AvroType& root = schema[schema.root()];
  if (!settings.feature_names.empty() || root.kind != Kind::record) return settings;
  const bool label_is_field = settings.label.from == LabelRule::From::column;
  for (const AvroField& field : root.fields) {
    const std::string path = escaped(field.name);
    if (!label_is_field || path != settings.label.name) settings.feature_names.push_back(path);
  }
  return settings;
}

ParsedNumber number_of(double value) {
  if (std::isnan(value)) return {NumberKind::missing};
  const auto number = static_cast<float>(value);
  return {std::isinf(number) ? NumberKind::not_finite : NumberKind::number, number};
}

// Unscaled, as a big-endian number in two's complement; rounded once, through its digits.
ParsedNumber decimal_of(std::string_view bytes, int scale) {
  __extension__ using Wide = __int128;
  if (bytes.empty() || bytes.size() > sizeof(Wide)) return {NumberKind::not_a_number};
  __extension__ using Bits = unsigned __int128;
  const bool negative = (static_cast<unsigned char>(bytes.front()) & 0x80) != 0;
  Bits bits = negative ? ~Bits{0} : Bits{0};
  for (const char byte : bytes) bits = bits << 8 | static_cast<unsigned char>(byte);
  Bits rest = negative ? Bits{0} - bits : bits;

  std::array<char, 64> text{};
  char* at = text.data() + 48;
  char* end = at;
  *end++ = 'e';
  end = std::to_chars(end, text.data() + text.size(), -scale).ptr;
  do {
    *--at = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (negative) *--at = '-';
  return parse_number({at, static_cast<std::size_t>(end - at)});
}

}  // namespace

// Where reading stands in a datum.
struct AvroPlan::Cursor {
  const char* at;
  const char* end;

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end - at); }

  // A zig-zag number of at most ten bytes.
  bool take_long(std::int64_t& value) {
    std::uint64_t bits = 0;
    for (unsigned shift = 0; shift < 70 && at != end; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at++);
      if (shift == 63 && byte > 1) return false;
      bits |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) {
        value = static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
        return true;
      }
    }
    return false;
  }
  template <typename T>
  bool take(T& value) {
    if (left() < sizeof value) return false;
    std::memcpy(&value, at, sizeof value);  // little-endian, as all machines that this is built for
    at += sizeof value;
    return true;
  }
  bool take_bytes(std::string_view& bytes) {
    std::int64_t size = 0;
    if (!take_long(size) || size < 0 || static_cast<std::uint64_t>(size) > left()) return false;
    bytes = {at, static_cast<std::size_t>(size)};
    at += size;
    return true;
  }
  bool pass(std::size_t bytes) {
    if (left() < bytes) return false;
    at += bytes;
    return true;
  }
  // The head of a block of an array or a map. `bytes` < 0: its size is not told. False: broken.
  bool take_block(std::uint64_t& count, std::int64_t& bytes) {
    std::int64_t head = 0;
    bytes = -1;
    if (!take_long(head)) return false;
    count = head < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(head) : static_cast<std::uint64_t>(head);
    return head >= 0 || (take_long(bytes) && bytes >= 0 && static_cast<std::uint64_t>(bytes) <= left());
  }
};

AvroPlan::AvroPlan(AvroSchema schema, const DecoderSettings& settings)
    : schema_(std::move(schema)),
      fields_(std::make_unique<FieldTree>(with_names(schema_, settings))),
      label_field_(settings.label.from == LabelRule::From::column
                       ? static_cast<std::int32_t>(fields_->fields()) - 1
                       : -1),
      absent_is_missing_(settings.absent_is_missing) {
  const std::size_t features = fields_->fields() - (label_field_ < 0 ? 0 : 1);
  if (features != settings.features) {
    main_.push_back({.op = Op::refuse, .reason = BadRecordReason::column_count});
    return;
  }
  compile(schema_.root(), 0, main_);
}

// ---- From a schema to steps ----

void AvroPlan::compile(std::uint32_t type, std::uint32_t node, Program& program) {
  if (node == kNoNode) return pass_over(type, program);
  const FieldTree::Node& wanted = (*fields_)[node];
  const Kind kind = schema_[type].kind;
  if (kind == Kind::variant) return compile_variant(type, node, program);
  if (wanted.is_field()) return compile_field(type, wanted.field, program);
  if (kind == Kind::record && !wanted.is_array()) return compile_record(type, node, program);
  if (kind == Kind::map && !wanted.is_array()) return compile_map(type, node, program);
  if (kind == Kind::array && wanted.is_array()) return compile_array(type, node, program);
  pass_over(type, program);
  without(node, kind == Kind::null, program);
}

void AvroPlan::compile_field(std::uint32_t type, std::int32_t field, Program& program) {
  const AvroType& held = schema_[type];
  const bool is_label = field == label_field_;
  switch (held.kind) {
    case Kind::null:
      program.push_back(is_label
                            ? Step{.op = Op::refuse, .reason = BadRecordReason::label_missing, .field = field}
                            : Step{.op = Op::miss, .field = field});
      return;
    case Kind::bytes:
    case Kind::fixed:
      if (held.scale >= 0) break;
      [[fallthrough]];
    case Kind::array:
    case Kind::map:
    case Kind::record:
      program.push_back({.op = Op::refuse,
                         .reason = is_label ? BadRecordReason::label_invalid : BadRecordReason::not_a_number,
                         .field = field});
      return;
    case Kind::float32:
      if (!is_label && !program.empty() && program.back().op == Op::floats &&
          program.back().field + static_cast<std::int32_t>(program.back().count) == field) {
        ++program.back().count;
        return;
      }
      if (!is_label) {
        program.push_back({.op = Op::floats, .field = field, .count = 1});
        return;
      }
      break;
    default:
      break;
  }
  program.push_back(
      {.op = Op::value, .kind = held.kind, .field = field, .count = held.size, .scale = held.scale});
}

void AvroPlan::compile_record(std::uint32_t type, std::uint32_t node, Program& program) {
  const FieldTree::Node& wanted = (*fields_)[node];
  std::vector<bool> found(wanted.members.size());
  const auto member_for = [&](const std::string& name) {
    const std::uint32_t member = fields_->find(node, name);
    if (member == kNoNode || found[(*fields_)[member].place]) return kNoNode;
    found[(*fields_)[member].place] = true;
    return member;
  };
  std::vector<std::uint32_t> nodes;
  for (const AvroField& field : schema_[type].fields) nodes.push_back(member_for(field.name));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& alias : schema_[type].fields[i].aliases) {
      if (nodes[i] == kNoNode) nodes[i] = member_for(alias);
    }
  }
  for (const FieldTree::Member& member : wanted.members) {
    if (!found[(*fields_)[member.node].place]) without(member.node, false, program);
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) compile(schema_[type].fields[i].type, nodes[i], program);
}

void AvroPlan::compile_variant(std::uint32_t type, std::uint32_t node, Program& program) {
  const std::vector<std::uint32_t>& branches = schema_[type].branches;
  const std::int32_t field = (*fields_)[node].field;
  if (branches.size() == 2 && field >= 0 && field != label_field_) {
    const bool null_first = schema_[branches[0]].kind == Kind::null;
    const Kind other = schema_[branches[null_first ? 1 : 0]].kind;
    const bool has_null = null_first || schema_[branches[1]].kind == Kind::null;
    if (has_null && (other == Kind::float32 || other == Kind::float64 || other == Kind::integer)) {
      program.push_back({.op = Op::nullable, .kind = other, .field = field, .type = null_first ? 0U : 1U});
      return;
    }
  }
  if (programs_.size() > kMostPrograms) {
    program.push_back({.op = Op::refuse, .reason = BadRecordReason::malformed});
    return;
  }
  const std::uint32_t first = reserve_programs(branches.size());
  program.push_back({.op = Op::branch, .type = first, .count = branches.size()});
  for (std::size_t i = 0; i < branches.size(); ++i) {
    Program branch;
    compile(branches[i], node, branch);
    programs_[first + i] = std::move(branch);
  }
}

void AvroPlan::compile_array(std::uint32_t type, std::uint32_t node, Program& program) {
  const std::size_t count = (*fields_)[node].elements.size();
  const std::uint32_t item = schema_[type].branches.front();
  // Behind the programs of elements, those for what is absent; the last one passes over an element.
  const std::uint32_t first = reserve_programs(2 * count + 1);
  program.push_back({.op = Op::elements, .type = first, .count = count});
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t element = (*fields_)[node].elements[i];
    Program present;
    compile(item, element, present);
    Program absent;
    if (element != kNoNode) without(element, false, absent);
    programs_[first + i] = std::move(present);
    programs_[first + count + i] = std::move(absent);
  }
  Program other;
  if (fields_->is_unnamed_array()) {
    other.push_back({.op = Op::refuse, .reason = BadRecordReason::column_count});
  } else {
    pass_over(item, other);
  }
  programs_[first + 2 * count] = std::move(other);
}

void AvroPlan::compile_map(std::uint32_t type, std::uint32_t node, Program& program) {
  const std::vector<FieldTree::Member>& members = (*fields_)[node].members;
  const std::uint32_t held = schema_[type].branches.front();
  if (members.size() > kMostEntries) {
    program.push_back({.op = Op::refuse, .reason = BadRecordReason::column_count});
    return;
  }
  // As for arrays.
  const std::uint32_t first = reserve_programs(2 * members.size() + 1);
  for (std::size_t i = 0; i < members.size(); ++i) {
    Program present;
    compile(held, members[i].node, present);
    Program absent;
    without(members[i].node, false, absent);
    programs_[first + i] = std::move(present);
    programs_[first + members.size() + i] = std::move(absent);
  }
  pass_over(held, programs_[first + 2 * members.size()]);
  program.push_back(
      {.op = Op::entries, .field = static_cast<std::int32_t>(node), .type = first, .count = members.size()});
}

void AvroPlan::pass_over(std::uint32_t type, Program& program) const {
  if (schema_.is_empty(type)) return;
  std::size_t bytes = 0;
  switch (schema_[type].kind) {
    case Kind::float32:
      bytes = sizeof(float);
      break;
    case Kind::float64:
      bytes = sizeof(double);
      break;
    case Kind::fixed:
      bytes = schema_[type].size;
      break;
    default:
      program.push_back({.op = Op::skip, .type = type});
      return;
  }
  if (!program.empty() && program.back().op == Op::pass) {
    program.back().count += bytes;
  } else {
    program.push_back({.op = Op::pass, .count = bytes});
  }
}

void AvroPlan::without(std::uint32_t node, bool is_null, Program& program) const {
  const FieldTree::Node& wanted = (*fields_)[node];
  for (const FieldTree::Member& member : wanted.members) without(member.node, is_null, program);
  for (const std::uint32_t element : wanted.elements) {
    if (element != kNoNode) without(element, is_null, program);
  }
  if (!wanted.is_field()) return;
  if (wanted.field == label_field_) {
    program.push_back({.op = Op::refuse, .reason = BadRecordReason::label_missing, .field = wanted.field});
  } else if (is_null || absent_is_missing_) {
    program.push_back({.op = Op::miss, .field = wanted.field});
  } else {
    program.push_back({.op = Op::refuse, .reason = BadRecordReason::column_count, .field = wanted.field});
  }
}

std::uint32_t AvroPlan::reserve_programs(std::size_t count) {
  const auto first = static_cast<std::uint32_t>(programs_.size());
  programs_.resize(programs_.size() + count);
  return first;
}

// ---- From a datum to a row ----

DecodeOutcome AvroPlan::read(std::string_view datum, float* row, float& label) const {
  Cursor cursor{datum.data(), datum.data() + datum.size()};
  const DecodeOutcome outcome = run(main_, cursor, row, label);
  return outcome.good && cursor.at != cursor.end ? kMalformed : outcome;
}

DecodeOutcome AvroPlan::run(const Program& program, Cursor& cursor, float* row, float& label) const {
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

DecodeOutcome AvroPlan::read_value(const Step& step, Cursor& cursor, float* row, float& label) const {
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

DecodeOutcome AvroPlan::read_elements(const Step& step, Cursor& cursor, float* row, float& label) const {
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

DecodeOutcome AvroPlan::read_entries(const Step& step, Cursor& cursor, float* row, float& label) const {
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
      if (member != kNoNode) {
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
bool AvroPlan::skip(std::uint32_t type, Cursor& cursor, unsigned depth) const {
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
