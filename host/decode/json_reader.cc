#include "decode/json_reader.h"

#include <cstring>
#include <simdjson.h>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/json_text.h"
#include "decode/number.h"

namespace millrace {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr DecodeOutcome kMalformed = bad(BadRecordReason::malformed);

std::string_view without_trailing_blanks(std::string_view token) {
  while (!token.empty() && is_json_blank(token.back())) token.remove_suffix(1);
  return token;
}

bool has_escapes(std::string_view text) { return std::memchr(text.data(), '\\', text.size()) != nullptr; }

// One record on its way into a row.
class Reading {
 public:
  Reading(JsonRow& row, const char* end) : row_(row), fields_(row.fields()), end_(end) {}

  DecodeOutcome read(ondemand::document& document);

 private:
  DecodeOutcome read_object(ondemand::object object, std::uint32_t node, unsigned depth);
  DecodeOutcome read_array(ondemand::array array, std::uint32_t node, unsigned depth);
  DecodeOutcome read_value(ondemand::value value, std::uint32_t node, unsigned depth);
  DecodeOutcome read_field(ondemand::value& value, std::int32_t field, unsigned depth);
  DecodeOutcome skip(ondemand::value value, unsigned depth);
  bool name_of_member(ondemand::field& field, std::string_view& name) const;

  JsonRow& row_;
  const FieldTree& fields_;
  const char* const end_;  // of the value
};

DecodeOutcome Reading::read(ondemand::document& document) {
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

}  // namespace

struct JsonReader::Parts {
  // simdjson reads beyond the end of a value, and a consumer's buffers have no room there: values are copied.
  std::vector<char> text;
  ondemand::parser parser;
};

JsonReader::JsonReader() : parts_(std::make_unique<Parts>()) {}
JsonReader::~JsonReader() = default;

DecodeOutcome JsonReader::read(std::string_view value, JsonRow& row) {
  const std::size_t needed = value.size() + simdjson::SIMDJSON_PADDING;
  std::vector<char>& text = parts_->text;
  if (text.size() < needed) text.resize(needed);
  value.copy(text.data(), value.size());
  std::memset(text.data() + value.size(), ' ', simdjson::SIMDJSON_PADDING);

  ondemand::document document;
  const simdjson::padded_string_view padded(text.data(), value.size(), text.size());
  if (parts_->parser.iterate(padded).get(document) != simdjson::SUCCESS) return kMalformed;
  const DecodeOutcome outcome = Reading(row, text.data() + value.size()).read(document);
  if (!outcome.good) return outcome;
  const bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  return at_end ? row.finish() : kMalformed;
}

}  // namespace millrace
