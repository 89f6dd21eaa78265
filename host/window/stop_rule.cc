#include "window/stop_rule.h"

#include <charconv>
#include <limits>
#include <string>
#include <system_error>

#include "millrace/errors.h"

namespace millrace {
namespace {

[[noreturn]] void refuse(std::string_view text, const char* reason) {
  throw OptionError(OptionError::Kind::invalid, "--stop", std::string(text), reason);
}

// The number behind a prefix, from 1 to `most`.
std::int64_t number_behind(std::string_view prefix, std::string_view text, std::int64_t most) {
  const std::string_view digits = text.substr(prefix.size());
  const char* const last = digits.data() + digits.size();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), last, number);
  if (error != std::errc{} || end != last || number < 1 || number > most) {
    refuse(text, "expected a whole number from 1 after the colon");
  }
  return number;
}

}  // namespace

StopRule parse_stop_rule(std::string_view text) {
  using When = StopRule::When;
  constexpr std::string_view kIdle = "idle:";
  constexpr std::string_view kRecords = "records:";
  constexpr std::int64_t kLongestIdle = std::chrono::milliseconds(std::chrono::years(10)).count();
  constexpr std::int64_t kMostRecords = std::numeric_limits<std::int64_t>::max();
  if (text == "never") return {.when = When::never};
  if (text == "end") return {.when = When::end};
  if (text.starts_with(kIdle)) {
    return {.when = When::idle, .idle = std::chrono::milliseconds(number_behind(kIdle, text, kLongestIdle))};
  }
  if (text.starts_with(kRecords)) {
    return {.when = When::records,
            .records = static_cast<std::uint64_t>(number_behind(kRecords, text, kMostRecords))};
  }
  refuse(text, "expected never, end, idle:MS or records:N");
}

}  // namespace millrace
