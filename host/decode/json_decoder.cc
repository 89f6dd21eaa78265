#include "decode/json_decoder.h"

#include <cstring>
#include <simdjson.h>
#include <string_view>
#include <vector>

#include "millrace/errors.h"

#include "decode/field_outcome.h"
#include "decode/json_text.h"
#include "decode/number.h"
#include "decode/plain_json.h"

namespace millrace {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr DecodeOutcome kMalformed = bad(BadRecordReason::malformed);

std::string_view without_trailing_blanks(std::string_view token) {
  while (!token.empty() && is_json_blank(token.back())) token.remove_suffix(1);
  return token;
}

bool has_escapes(std::string_view text) { return std::memchr(text.data(), '\\', text.size()) != nullptr; }

// What a thread keeps from record to record.
struct Scratch {
  // simdjson reads beyond the end of a value, and a consumer's buffers have no room there: values are copied.
  std::vector<char> text;
  ondemand::parser parser;
  MetValues met;
  std::uint64_t records = 0;
  unsigned not_plain = 0;  // records in a row
};

// One record on its way into a row.
class Reading {
 public:
  Reading(Scratch& scratch, JsonRow& row) : scratch_(scratch), row_(row), fields_(row.fields()) {}

  DecodeOutcome read(std::string_view value);

 private:
  DecodeOutcome read_root(ondemand::document& document);
  DecodeOutcome read_object(ondemand::object object, std::uint32_t node, unsigned depth);
  DecodeOutcome read_array(ondemand::array array, std::uint32_t node, unsigned depth);
  DecodeOutcome read_value(ondemand::value value, std::uint32_t node, unsigned depth);
  DecodeOutcome read_field(ondemand::value& value, std::int32_t field, unsigned depth);
  DecodeOutcome skip(ondemand::value value, unsigned depth);
  bool name_of_member(ondemand::field& field, std::string_view& name) const;

  Scratch& scratch_;
  JsonRow& row_;
  const FieldTree& fields_;
  const char* end_ = nullptr;
};

DecodeOutcome Reading::read(std::string_view value) {
  const std::size_t needed = value.size() + simdjson::SIMDJSON_PADDING;
  if (scratch_.text.size() < needed) scratch_.text.resize(needed);
  std::memcpy(scratch_.text.data(), value.data(), value.size());
  std::memset(scratch_.text.data() + value.size(), ' ', simdjson::SIMDJSON_PADDING);
  end_ = scratch_.text.data() + value.size();

  ondemand::document document;
  const simdjson::padded_string_view padded(scratch_.text.data(), value.size(), scratch_.text.size());
  if (scratch_.parser.iterate(padded).get(document) != simdjson::SUCCESS) return kMalformed;
  const DecodeOutcome outcome = read_root(document);
  if (!outcome.good) return outcome;
  const bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  return at_end ? row_.finish() : kMalformed;
}

DecodeOutcome Reading::read_root(ondemand::document& document) {
  ondemand::json_type type{};
  if (document.type().get(type) != simdjson::SUCCESS) return kMalformed;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (fields_.root().is_array() || document.get_object().get(object) != simdjson::SUCCESS)
      return kMalformed;
    return read_object(object, 0, 1);
  }
  ondemand::array array;
  if (type != ondemand::json_type::array || document.get_array().get(array) != simdjson::SUCCESS) {
    return kMalformed;
  }
  if (fields_.root().is_array()) return read_array(array, 0, 1);
  std::size_t objects = 0;
  for (auto each : array) {
    ondemand::value value;
    ondemand::object object;
    if (++objects > 1 || each.get(value) != simdjson::SUCCESS ||
        value.get_object().get(object) != simdjson::SUCCESS) {
      return kMalformed;
    }
    if (const DecodeOutcome outcome = read_object(object, 0, 2); !outcome.good) return outcome;
  }
  return objects == 1 ? kGood : kMalformed;
}

DecodeOutcome Reading::read_object(ondemand::object object, std::uint32_t node, unsigned depth) {
  for (auto each : object) {
    ondemand::field field;
    std::string_view name;
    if (std::move(each).get(field) != simdjson::SUCCESS || !name_of_member(field, name)) return kMalformed;
    const std::uint32_t member = fields_.find(node, name);
    const DecodeOutcome outcome = member == FieldTree::kNone ? skip(field.value(), depth + 1)
                                                             : read_value(field.value(), member, depth + 1);
    if (!outcome.good) return outcome;
  }
  return kGood;
}

// False: it is no text of JSON.
bool Reading::name_of_member(ondemand::field& field, std::string_view& name) const {
  const char* const first = field.key().raw();
  const void* const closing = std::memchr(first, '"', static_cast<std::size_t>(end_ - first));
  if (closing == nullptr) return false;
  name = {first, static_cast<std::size_t>(static_cast<const char*>(closing) - first)};
  return !has_escapes(name) || field.unescaped_key().get(name) == simdjson::SUCCESS;
}

DecodeOutcome Reading::read_array(ondemand::array array, std::uint32_t node, unsigned depth) {
  std::size_t index = 0;
  for (auto each : array) {
    ondemand::value value;
    if (each.get(value) != simdjson::SUCCESS) return kMalformed;
    const std::vector<std::uint32_t>& elements = fields_[node].elements;
    const std::uint32_t element = index < elements.size() ? elements[index] : FieldTree::kNone;
    if (element == FieldTree::kNone && fields_.is_unnamed_array()) return bad(BadRecordReason::column_count);
    const DecodeOutcome outcome =
        element == FieldTree::kNone ? skip(value, depth + 1) : read_value(value, element, depth + 1);
    if (!outcome.good) return outcome;
    ++index;
  }
  return kGood;
}

DecodeOutcome Reading::read_value(ondemand::value value, std::uint32_t node, unsigned depth) {
  if (!row_.meet(node)) return bad(BadRecordReason::malformed, fields_.first_field_of(node));
  const FieldTree::Node& at = fields_[node];
  if (at.is_field()) return read_field(value, at.field, depth);
  const char first = value.raw_json_token().front();
  if (first == '{' && !at.is_array()) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return kMalformed;
    return read_object(object, node, depth);
  }
  if (first == '[' && at.is_array()) {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return kMalformed;
    return read_array(array, node, depth);
  }
  const bool is_null = without_trailing_blanks(value.raw_json_token()) == "null";
  return is_null ? row_.miss(node) : skip(value, depth);
}

DecodeOutcome Reading::read_field(ondemand::value& value, std::int32_t field, unsigned depth) {
  std::string_view token = without_trailing_blanks(value.raw_json_token());
  ParsedNumber number;
  switch (token.front()) {
    case '{':
    case '[': {
      const DecodeOutcome skipped = skip(value, depth);
      if (!skipped.good) return skipped;
      break;
    }
    case '"':
      token = token.substr(1, token.size() - 2);
      if (has_escapes(token) && value.get_string().get(token) != simdjson::SUCCESS) {
        return bad(BadRecordReason::malformed, field);
      }
      number = parse_number(trimmed(token));
      break;
    default:
      if (!parse_json_scalar(token, number)) return bad(BadRecordReason::malformed, field);
  }
  return row_.take(number, field);
}

// Looks at what nothing reads: a record is good or bad whatever is read of it.
DecodeOutcome Reading::skip(ondemand::value value, unsigned depth) {
  if (depth > kDeepestJson) return kMalformed;
  const std::string_view token = without_trailing_blanks(value.raw_json_token());
  if (token.front() == '"') {
    std::string_view text;
    const bool good = !has_escapes(token) || value.get_string().get(text) == simdjson::SUCCESS;
    return good ? kGood : kMalformed;
  }
  if (token.front() == '{') {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return kMalformed;
    for (auto each : object) {
      ondemand::field field;
      std::string_view name;
      if (std::move(each).get(field) != simdjson::SUCCESS || !name_of_member(field, name)) return kMalformed;
      if (!skip(field.value(), depth + 1).good) return kMalformed;
    }
    return kGood;
  }
  if (token.front() == '[') {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return kMalformed;
    for (auto each : array) {
      ondemand::value element;
      if (each.get(element) != simdjson::SUCCESS || !skip(element, depth + 1).good) return kMalformed;
    }
    return kGood;
  }
  ParsedNumber number;
  return is_json_number(token) || parse_json_word(token, number) ? kGood : kMalformed;
}

// Where records need the other reader, they mostly all do: then only some are tried.
bool may_be_plain(const Scratch& scratch) { return scratch.not_plain < 4 || scratch.records % 16 == 0; }

DecodeOutcome read_record(std::string_view value, const FieldTree& fields, const JsonRow::Rules& rules,
                          Scratch& scratch, float* values, float& label) {
  ++scratch.records;
  if (may_be_plain(scratch)) {
    JsonRow row(fields, rules, scratch.met, values, label);
    if (read_plain_json(value, row)) {
      scratch.not_plain = 0;
      return kGood;
    }
    ++scratch.not_plain;
  }
  JsonRow row(fields, rules, scratch.met, values, label);
  return Reading(scratch, row).read(value);
}

}  // namespace

JsonDecoder::JsonDecoder(const DecoderSettings& settings)
    : features_(settings.features),
      label_from_(settings.label.from),
      max_record_bytes_(settings.max_record_bytes),
      rules_{
          .label_field = label_from_ == LabelRule::From::column ? static_cast<std::int32_t>(features_) : -1,
          .absent_is_missing = settings.absent_is_missing},
      fields_(settings) {
  if (!settings.columns.empty()) {
    throw OptionError(OptionError::Kind::conflict, "--columns", settings.columns.front(),
                      "JSON names its fields itself; name those that are features by --features");
  }
  if (!settings.feature_names.empty() && settings.feature_names.size() != features_) {
    throw OptionError(OptionError::Kind::conflict, "--features", std::to_string(features_),
                      "there are " + std::to_string(settings.feature_names.size()) + " names");
  }
}

std::string JsonDecoder::field_name(std::int32_t field) const {
  return field < 0 ? std::string{} : fields_.path_of(field);
}

void JsonDecoder::decode(std::span<const RecordView> records, std::uint32_t /*first_row*/, float* values,
                         float* labels, std::span<DecodeOutcome> outcomes) const {
  thread_local Scratch scratch;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RecordView& record = records[i];
    DecodeOutcome& outcome = outcomes[i];
    if (!record.has_value) {
      outcome = bad(BadRecordReason::tombstone);
    } else if (record.value.size() > max_record_bytes_) {
      outcome = bad(BadRecordReason::too_large);
    } else {
      outcome = read_record(record.value, fields_, rules_, scratch, values + i * features_, labels[i]);
      if (outcome.good) outcome = decode_label_beside(record, label_from_, labels[i]);
    }
  }
}

}  // namespace millrace
