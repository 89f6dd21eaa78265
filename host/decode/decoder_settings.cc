#include "decode/decoder_settings.h"

#include <array>
#include <utility>

#include "millrace/errors.h"

namespace millrace {
namespace {

constexpr std::string_view kColumnPrefix = "value:";
constexpr std::string_view kHeaderPrefix = "header:";

constexpr std::array kFormatNames{std::pair{RecordFormat::csv, std::string_view("csv")},
                                  std::pair{RecordFormat::json, std::string_view("json")},
                                  std::pair{RecordFormat::packed, std::string_view("packed")},
                                  std::pair{RecordFormat::avro, std::string_view("avro")}};

// A separator that could stand in a number, around one, or in quotes would make fields ambiguous.
bool can_separate(char c) {
  constexpr std::string_view kOfFields = "+-.\"\r\n ?";
  const bool letter_or_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool ascii = static_cast<unsigned char>(c) < 0x80;
  return ascii && c != '\0' && !letter_or_digit && kOfFields.find(c) == std::string_view::npos;
}

}  // namespace

std::string_view name_of(RecordFormat format) {
  for (const auto& [each, name] : kFormatNames) {
    if (each == format) return name;
  }
  return {};
}

RecordFormat parse_record_format(std::string_view text) {
  for (const auto& [format, name] : kFormatNames) {
    if (name == text) return format;
  }
  throw OptionError(OptionError::Kind::invalid, "--format", std::string(text), "no decoder has this name");
}

LabelRule parse_label_rule(std::string_view text) {
  using From = LabelRule::From;
  if (text == "key") return {From::key, {}};
  if (text.starts_with(kColumnPrefix) && text.size() > kColumnPrefix.size()) {
    return {From::column, std::string(text.substr(kColumnPrefix.size()))};
  }
  if (text.starts_with(kHeaderPrefix) && text.size() > kHeaderPrefix.size()) {
    return {From::header, std::string(text.substr(kHeaderPrefix.size()))};
  }
  throw OptionError(OptionError::Kind::invalid, "--label", std::string(text),
                    "expected key, value:NAME or header:NAME");
}

char parse_separator(std::string_view text) {
  if (text == "tab" || text == "\\t") return '\t';
  if (text.size() == 1 && can_separate(text.front())) return text.front();
  throw OptionError(OptionError::Kind::invalid, "--separator", std::string(text),
                    "expected one ASCII character that stands in no number, and is no quote, blank or ?; a "
                    "tabulator is written tab");
}

}  // namespace millrace
