#include "report/figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <fmt/format.h>

namespace millrace {
namespace {

std::string utc(std::int64_t milliseconds_since_epoch, const char* format) {
  const auto seconds = static_cast<std::time_t>(milliseconds_since_epoch / 1000);
  std::tm fields{};
  if (gmtime_r(&seconds, &fields) == nullptr) return "-";
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &fields)};
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ' ');
  return digits;
}

std::string metric(const std::optional<double>& value, int decimals) {
  return value && std::isfinite(*value) ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  constexpr double kMostSeconds = 9e15;
  const auto whole = static_cast<std::uint64_t>(std::min(std::round(seconds), kMostSeconds));
  const std::uint64_t minutes = whole / 60;
  const std::uint64_t hours = minutes / 60;
  if (hours == 0) return fmt::format("{} min {:02} s", minutes, whole % 60);
  if (hours < 48) return fmt::format("{} h {:02} min", hours, minutes % 60);
  return fmt::format("{} d {:02} h", hours / 24, hours % 24);
}

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string utc_time(std::int64_t milliseconds_since_epoch) {
  return utc(milliseconds_since_epoch, "%Y-%m-%d %H:%M:%S UTC");
}

std::string iso_time(std::int64_t milliseconds_since_epoch) {
  return utc(milliseconds_since_epoch, "%Y-%m-%dT%H:%M:%SZ");
}

}  // namespace millrace
