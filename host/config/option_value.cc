#include "config/option_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "millrace/errors.h"

namespace millrace {

namespace {

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

struct ByteUnit {
  std::string_view suffix;
  std::int64_t bytes;
};
constexpr std::array kByteUnits = {ByteUnit{"KiB", std::int64_t{1} << 10},
                                   ByteUnit{"MiB", std::int64_t{1} << 20},
                                   ByteUnit{"GiB", std::int64_t{1} << 30}};

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  std::int64_t scale = 1;
  for (const ByteUnit& unit : kByteUnits) {
    if (text.ends_with(unit.suffix)) {
      text.remove_suffix(unit.suffix.size());
      scale = unit.bytes;
      break;
    }
  }
  const auto count = parse_whole<std::int64_t>(text);
  if (!count || *count > std::numeric_limits<std::int64_t>::max() / scale ||
      *count < std::numeric_limits<std::int64_t>::min() / scale) {
    return std::nullopt;
  }
  return *count * scale;
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::string bound_text(OptionType type, double bound) {
  if (type == OptionType::number) return fmt::format("{}", bound);
  const auto whole = static_cast<std::int64_t>(bound);
  if (type == OptionType::bytes) {
    for (const ByteUnit& unit : {kByteUnits[2], kByteUnits[1], kByteUnits[0]}) {
      if (whole >= unit.bytes && whole % unit.bytes == 0)
        return fmt::format("{}{}", whole / unit.bytes, unit.suffix);
    }
  }
  return fmt::format("{}", whole);
}

// " from 1 to 10", " from 1 up", " above 0 and below 1".
std::string range_text(const Option& option) {
  const OptionRange& range = option.range;
  std::string text;
  if (range.low != -OptionRange::kUnbounded) {
    text = fmt::format(" {} {}", range.open_low ? "above" : "from", bound_text(option.type, range.low));
  }
  if (range.high == OptionRange::kUnbounded) return range.bounded() && !range.open_low ? text + " up" : text;
  const std::string high = bound_text(option.type, range.high);
  if (range.open_low)
    return text + fmt::format(" {} {}", range.open_high ? "and below" : "and at most", high);
  return text + fmt::format(" {} {}", range.open_high ? "to below" : "to", high);
}

}  // namespace

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string expectation_of(const Option& option) {
  switch (option.type) {
    case OptionType::text:
      return "a text that is not empty";
    case OptionType::choice:
      return fmt::format("one of {}", fmt::join(split(option.metavar, '|'), ", "));
    case OptionType::integer:
      return "a whole number" + range_text(option);
    case OptionType::number:
      return "a number" + range_text(option);
    case OptionType::flag:
      return "true or false";
    case OptionType::milliseconds:
      return "milliseconds as a whole number" + range_text(option);
    case OptionType::bytes:
      return "bytes as a whole number, or with KiB, MiB or GiB after it," + range_text(option);
    case OptionType::list:
      return option.range.bounded()
                 ? fmt::format("whole numbers{} with commas between them", range_text(option))
                 : "items with commas between them, none of them empty";
    case OptionType::property:
      return "key=value";
  }
  throw std::logic_error("option type without an expectation");
}

OptionValue parse_option_value(const Option& option, std::string_view text, const std::string& written) {
  const auto refuse = [&]() -> OptionError {
    return {OptionError::Kind::invalid, written, std::string(text), "expected " + expectation_of(option)};
  };
  const auto check = [&](const auto& value) {
    if (!value || !option.range.contains(static_cast<double>(*value))) throw refuse();
    return *value;
  };
  switch (option.type) {
    case OptionType::text:
      if (text.empty()) throw refuse();
      return {};
    case OptionType::choice: {
      const auto choices = split(option.metavar, '|');
      if (std::ranges::find(choices, text) == choices.end()) throw refuse();
      return {};
    }
    case OptionType::integer:
    case OptionType::milliseconds:
      return check(parse_whole<std::int64_t>(text));
    case OptionType::bytes:
      return check(parse_bytes(text));
    case OptionType::number: {
      const auto value = parse_whole<double>(text);
      if (!value || !std::isfinite(*value)) throw refuse();
      return check(value);
    }
    case OptionType::flag: {
      const auto value = parse_flag(text);
      if (!value) throw refuse();
      return *value;
    }
    case OptionType::list: {
      auto items = split(text, ',');
      for (const std::string& item : items) {
        if (item.empty()) throw refuse();
        if (option.range.bounded()) check(parse_whole<std::int64_t>(item));
      }
      return items;
    }
    case OptionType::property:
      break;
  }
  throw std::logic_error("properties are not parsed as values");
}

}  // namespace millrace
