// When a run ends by itself, and what is known when a stream of windows has ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace {

struct StopRule {
  enum class When {
    never,
    end,      // when every partition has reached the end that it had at start
    idle,     // when no record came for `idle`
    records,  // after exactly `records` records of this run, bad ones included
  };
  When when = When::never;
  std::chrono::milliseconds idle{0};  // for When::idle
  std::uint64_t records = 0;          // for When::records

  bool operator==(const StopRule&) const = default;
};

// `never`, `end`, `idle:MS` or `records:N`. Errors: OptionError for --stop.
[[nodiscard]] StopRule parse_stop_rule(std::string_view text);

struct StreamEnd {
  enum class Reason { end, idle, records, stopped };
  Reason reason = Reason::stopped;
  // [partitions] the offset to commit once every window that was taken is trained: past control records,
  // never past a record that no taken window holds.
  std::vector<std::int64_t> commit_offsets;
};

}  // namespace millrace
