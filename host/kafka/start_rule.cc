#include "kafka/start_rule.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

#include "millrace/errors.h"

namespace millrace {
namespace {

[[noreturn]] void refuse(std::string_view text, std::string reason) {
  throw OptionError(OptionError::Kind::invalid, "--from", std::string(text), std::move(reason));
}

// Digits only: no sign, no blank.
template <typename Integer>
std::optional<Integer> parse_digits(std::string_view text) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return number;
}

// Takes fixed numbers of digits and single characters off the front of a text.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}

  [[nodiscard]] std::optional<int> digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    const std::optional<int> number = parse_digits<int>(rest_.substr(0, count));
    if (number) rest_.remove_prefix(count);
    return number;
  }
  [[nodiscard]] bool any_of(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// A fraction of a second, after its point; milliseconds count, finer digits are cut off.
std::optional<int> parse_fraction_ms(FieldReader& reader) {
  int milliseconds = 0;
  int weight = 100;
  bool any = false;
  while (const std::optional<int> digit = reader.digits(1)) {
    milliseconds += *digit * weight;
    weight /= 10;
    any = true;
  }
  return any ? std::optional(milliseconds) : std::nullopt;
}

// "Z", "+02:00", "-05:30": minutes east of Greenwich.
std::optional<int> parse_zone_minutes(FieldReader& reader) {
  if (reader.any_of("Zz")) return 0;
  const bool west = !reader.rest().empty() && reader.rest().front() == '-';
  if (!reader.any_of("+-")) return std::nullopt;
  const std::optional<int> hours = reader.digits(2);
  if (!hours || *hours > 23 || !reader.any_of(":")) return std::nullopt;
  const std::optional<int> minutes = reader.digits(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const int total = *hours * 60 + *minutes;
  return west ? -total : total;
}

// RFC 3339, section 5.6: 2024-05-01T12:00:00Z, 2024-05-01 12:00:00.250+02:00. Milliseconds since the epoch.
std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  FieldReader reader(text);
  const auto year_number = reader.digits(4);
  if (!year_number || !reader.any_of("-")) return std::nullopt;
  const auto month_number = reader.digits(2);
  if (!month_number || !reader.any_of("-")) return std::nullopt;
  const auto day_number = reader.digits(2);
  if (!day_number || !reader.any_of("Tt ")) return std::nullopt;
  const auto hour = reader.digits(2);
  if (!hour || *hour > 23 || !reader.any_of(":")) return std::nullopt;
  const auto minute = reader.digits(2);
  if (!minute || *minute > 59 || !reader.any_of(":")) return std::nullopt;
  const auto second = reader.digits(2);
  if (!second || *second > 60) return std::nullopt;  // 60: a leap second
  std::optional<int> fraction_ms = 0;
  if (reader.any_of(".")) fraction_ms = parse_fraction_ms(reader);
  const std::optional<int> zone = parse_zone_minutes(reader);
  const year_month_day date{year{*year_number}, month{static_cast<unsigned>(*month_number)},
                            day{static_cast<unsigned>(*day_number)}};
  if (!fraction_ms || !zone || !reader.rest().empty() || !date.ok()) return std::nullopt;
  const auto instant = sys_days{date}.time_since_epoch() + hours{*hour} + minutes{*minute - *zone} +
                       seconds{*second} + milliseconds{*fraction_ms};
  return duration_cast<milliseconds>(instant).count();
}

StartTime parse_time(std::string_view text, std::string_view given) {
  if (const auto timestamp_ms = parse_digits<std::int64_t>(text)) return {*timestamp_ms};
  const std::optional<std::int64_t> timestamp_ms = parse_rfc3339(text);
  if (!timestamp_ms || *timestamp_ms < 0) {
    refuse(given,
           "time: takes milliseconds since 1970 or an RFC 3339 date and time with its zone, such as "
           "time:2024-05-01T12:00:00Z");
  }
  return {*timestamp_ms};
}

std::pair<TopicPartition, std::int64_t> parse_partition_offset(std::string_view text,
                                                               std::string_view given) {
  constexpr const char* kForm =
      "offsets: takes TOPIC/PARTITION=N, separated by commas, such as offsets:rows/0=5";
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos) refuse(given, kForm);
  const std::size_t slash = text.substr(0, equals).rfind('/');
  if (slash == std::string_view::npos || slash == 0) refuse(given, kForm);
  const auto partition = parse_digits<std::int32_t>(text.substr(slash + 1, equals - slash - 1));
  const auto offset = parse_digits<std::int64_t>(text.substr(equals + 1));
  if (!partition || !offset) refuse(given, kForm);
  return {{std::string(text.substr(0, slash)), *partition}, *offset};
}

StartOffsets parse_offsets(std::string_view text, std::string_view given) {
  StartOffsets rule;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    rule.offsets.push_back(parse_partition_offset(text.substr(0, comma), given));
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  std::sort(rule.offsets.begin(), rule.offsets.end());
  const auto twice =
      std::adjacent_find(rule.offsets.begin(), rule.offsets.end(),
                         [](const auto& left, const auto& right) { return left.first == right.first; });
  if (twice != rule.offsets.end()) {
    refuse(given, twice->first.topic + "/" + std::to_string(twice->first.partition) + " stands there twice");
  }
  return rule;
}

std::int64_t parse_count(std::string_view text, std::string_view given, const char* form) {
  const auto count = parse_digits<std::int64_t>(text);
  if (!count) refuse(given, form);
  return *count;
}

}  // namespace

StartRule parse_start_rule(std::string_view text) {
  if (text == "resume") return StartResume{};
  if (text == "beginning") return StartBeginning{};
  if (text == "end") return StartEnd{};
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view word = text.substr(0, colon);
    const std::string_view rest = text.substr(colon + 1);
    if (word == "offset")
      return StartOffset{parse_count(rest, text, "offset: takes a number from 0, such as offset:1000")};
    if (word == "offsets") return parse_offsets(rest, text);
    if (word == "time") return parse_time(rest, text);
    if (word == "lag")
      return StartLag{parse_count(rest, text, "lag: takes a number from 0, such as lag:1000")};
  }
  refuse(text,
         "expected resume, beginning, end, offset:N, offsets:TOPIC/PARTITION=N,…, time:MILLISECONDS, "
         "time:RFC3339 "
         "or lag:N");
}

}  // namespace millrace
