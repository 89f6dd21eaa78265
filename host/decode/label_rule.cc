#include <string>
#include <string_view>

#include "millrace/errors.h"

#include "decode/csv_decoder.h"

namespace millrace {
namespace {

constexpr std::string_view kColumnPrefix = "value:";
constexpr std::string_view kHeaderPrefix = "header:";

}  // namespace

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

}  // namespace millrace
