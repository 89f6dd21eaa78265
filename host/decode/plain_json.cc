#include "decode/plain_json.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "decode/json_text.h"
#include "decode/utf8.h"

namespace millrace {
namespace {

constexpr unsigned kDeepest = 16;  // of what is passed over
static_assert(kDeepest < kDeepestJson);

// What a byte of text between quotes is to who looks for the end.
enum class InText : std::uint8_t { plain, end, escape, control, beyond_ascii };

constexpr std::array<InText, 256> kInText = [] {
  std::array<InText, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    table[byte] = byte < 0x20 ? InText::control : byte < 0x80 ? InText::plain : InText::beyond_ascii;
  }
  table['"'] = InText::end;
  table['\\'] = InText::escape;
  return table;
}();

std::uint64_t eight_bytes(const char* from) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Names are short: two loads, which may overlap, compare most of them.
bool are_equal(const char* a, const char* b, std::size_t size) {
  if (size < 8 || size > 16) return std::memcmp(a, b, size) == 0;
  const std::uint64_t begins = eight_bytes(a) ^ eight_bytes(b);
  const std::uint64_t ends = eight_bytes(a + size - 8) ^ eight_bytes(b + size - 8);
  return (begins | ends) == 0;
}

class PlainReading {
 public:
  PlainReading(std::string_view value, JsonRow& row)
      : row_(row), fields_(row.fields()), at_(value.data()), end_(value.data() + value.size()) {}

  bool read() {
    pass_blanks();
    const FieldTree::Node& root = fields_.root();
    if (!(root.is_array() ? take_char('[') && read_array(0) : take_char('{') && read_object(0))) return false;
    pass_blanks();
    return at_ == end_ && row_.finish().good;
  }

 private:
  void pass_blanks() {
    while (at_ != end_ && static_cast<unsigned char>(*at_) <= ' ' && is_json_blank(*at_)) ++at_;
  }
  bool take_char(char wanted) {
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }
  // After a value in an object or an array: whether another one follows, or `closing` ends it.
  enum class Next { value, closed, broken };
  Next next(char closing) {
    pass_blanks();
    if (take_char(',')) return Next::value;
    return take_char(closing) ? Next::closed : Next::broken;
  }

  bool read_object(std::uint32_t node);
  bool read_array(std::uint32_t node);
  bool read_value(std::uint32_t node);
  bool read_field(std::int32_t field);
  bool pass_value(unsigned depth);
  bool pass_text();
  std::string_view cut_scalar();
  bool cut_plain_text(std::string_view& text);
  bool take_key(std::uint32_t node, std::size_t& likely, std::uint32_t& member);

  JsonRow& row_;
  const FieldTree& fields_;
  const char* at_;
  const char* const end_;
};

bool PlainReading::read_object(std::uint32_t node) {
  std::size_t likely = 0;
  pass_blanks();
  if (take_char('}')) return true;
  for (;;) {
    std::uint32_t member = FieldTree::kNone;
    pass_blanks();
    if (!take_char('"') || !take_key(node, likely, member)) return false;
    pass_blanks();
    if (!(member == FieldTree::kNone ? pass_value(0) : read_value(member))) return false;
    const Next after = next('}');
    if (after != Next::value) return after == Next::closed;
  }
}

// Behind the opening quote; takes the colon.
bool PlainReading::take_key(std::uint32_t node, std::size_t& likely, std::uint32_t& member) {
  const std::vector<FieldTree::Member>& members = fields_[node].members;
  if (likely < members.size()) {
    const FieldTree::Member& expected = members[likely];
    const std::size_t size = expected.json_key.size();
    if (size > 0 && size <= static_cast<std::size_t>(end_ - at_) &&
        are_equal(at_, expected.json_key.data(), size)) {
      at_ += size;
      member = expected.node;
      ++likely;
      return true;
    }
  }
  std::string_view name;
  if (!cut_plain_text(name)) return false;
  member = fields_.find(node, name);
  if (member != FieldTree::kNone) likely = fields_[member].place + 1;
  pass_blanks();
  return take_char(':');
}

bool PlainReading::read_array(std::uint32_t node) {
  pass_blanks();
  if (take_char(']')) return true;
  for (std::size_t index = 0;; ++index) {
    const std::vector<std::uint32_t>& elements = fields_[node].elements;
    const std::uint32_t element = index < elements.size() ? elements[index] : FieldTree::kNone;
    pass_blanks();
    if (element != FieldTree::kNone) {
      if (!read_value(element)) return false;
    } else if (fields_.is_unnamed_array() || !pass_value(0)) {
      return false;
    }
    const Next after = next(']');
    if (after != Next::value) return after == Next::closed;
  }
}

bool PlainReading::read_value(std::uint32_t node) {
  if (!row_.meet(node)) return false;
  const FieldTree::Node& at = fields_[node];
  if (at.is_field()) return read_field(at.field);
  return at.is_array() ? take_char('[') && read_array(node) : take_char('{') && read_object(node);
}

bool PlainReading::read_field(std::int32_t field) {
  ParsedNumber number;
  const char* const end = parse_plain_number(at_, end_, number.value);
  if (end != nullptr && is_plain_json_number(at_, end) && (end == end_ || (*end != 'e' && *end != 'E'))) {
    at_ = end;
    return row_.take_finite(number.value, field);
  }
  if (take_char('"')) {
    std::string_view text;
    if (!cut_plain_text(text)) return false;
    number = parse_number(trimmed(text));
  } else if (!parse_json_scalar(cut_scalar(), number)) {
    return false;
  }
  return row_.take(number, field).good;
}

// Numbers and words: up to what ends one.
std::string_view PlainReading::cut_scalar() {
  const char* const first = at_;
  while (at_ != end_ && !is_json_blank(*at_) && *at_ != ',' && *at_ != '}' && *at_ != ']') ++at_;
  return {first, static_cast<std::size_t>(at_ - first)};
}

// Behind the opening quote; takes the closing one.
bool PlainReading::cut_plain_text(std::string_view& text) {
  const char* const first = at_;
  while (at_ != end_ && kInText[static_cast<unsigned char>(*at_)] == InText::plain) ++at_;
  text = {first, static_cast<std::size_t>(at_ - first)};
  return take_char('"');
}

bool PlainReading::pass_text() {
  const char* const first = at_;
  bool is_ascii = true;
  for (; at_ != end_; ++at_) {
    switch (kInText[static_cast<unsigned char>(*at_)]) {
      case InText::plain:
        continue;
      case InText::beyond_ascii:
        is_ascii = false;
        continue;
      case InText::escape:
        if (++at_ == end_ || std::string_view("\"\\/bfnrt").find(*at_) == std::string_view::npos)
          return false;
        continue;
      case InText::control:
        return false;
      case InText::end:
        const std::string_view text(first, static_cast<std::size_t>(at_ - first));
        ++at_;
        return is_ascii || is_utf8(text);
    }
  }
  return false;
}

bool PlainReading::pass_value(unsigned depth) {
  if (at_ == end_ || depth > kDeepest) return false;
  ParsedNumber number;
  switch (*at_) {
    case '"':
      ++at_;
      return pass_text();
    case '{':
    case '[':
      break;
    default:
      const std::string_view token = cut_scalar();
      return is_json_number(token) || parse_json_word(token, number);
  }
  const bool is_object = *at_++ == '{';
  const char closing = is_object ? '}' : ']';
  pass_blanks();
  if (take_char(closing)) return true;
  for (;;) {
    pass_blanks();
    if (is_object) {
      if (!take_char('"') || !pass_text()) return false;
      pass_blanks();
      if (!take_char(':')) return false;
      pass_blanks();
    }
    if (!pass_value(depth + 1)) return false;
    const Next after = next(closing);
    if (after != Next::value) return after == Next::closed;
  }
}

}  // namespace

bool read_plain_json(std::string_view value, JsonRow& row) { return PlainReading(value, row).read(); }

}  // namespace millrace
