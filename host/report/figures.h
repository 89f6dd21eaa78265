// Figures as people read them.
//
// Pure functions; any thread may call them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace millrace {

// 12480 → `12 480`
[[nodiscard]] std::string grouped(std::uint64_t number);

// `0.921`; `-` where it is undefined or not finite.
[[nodiscard]] std::string metric(const std::optional<double>& value, int decimals);

// `0.84 s`, `12.4 s`, `3 min 05 s`, `2 h 07 min`, `3 d 04 h`
[[nodiscard]] std::string duration(double seconds);

// 0 where no time passed.
[[nodiscard]] double per_second(std::uint64_t count, double seconds);

// `2026-11-23 07:04:11 UTC`, for people.
[[nodiscard]] std::string utc_time(std::int64_t milliseconds_since_epoch);

// `2026-11-23T07:04:11Z`, ISO 8601, for programs.
[[nodiscard]] std::string iso_time(std::int64_t milliseconds_since_epoch);

}  // namespace millrace
