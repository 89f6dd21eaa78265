#include "decode/avro_plan.h"

#include <utility>

namespace millrace {
namespace {

using Kind = AvroType::Kind;

constexpr std::size_t kMostPrograms = 100'000;  // a schema of unions of unions of … could ask for any number
constexpr std::uint32_t kNoNode = FieldTree::kNone;

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

}  // namespace

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

}  // namespace millrace
