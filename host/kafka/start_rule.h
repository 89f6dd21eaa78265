// `--from`: where partitions begin that the state does not know yet.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/position.h"

namespace millrace {

struct StartResume {};     // nothing is known: the beginning
struct StartBeginning {};  // of what is still in the log
struct StartEnd {};        // only what comes from now on
struct StartOffset {       // the same offset in every partition
  std::int64_t offset = 0;
};
struct StartOffsets {  // an offset for each of some partitions; the others begin at the beginning
  std::vector<std::pair<TopicPartition, std::int64_t>> offsets;  // sorted, each partition once
};
struct StartTime {  // the first record that is not older
  std::int64_t timestamp_ms = 0;
};
struct StartLag {  // so many offsets before the end
  std::int64_t records = 0;
};

using StartRule =
    std::variant<StartResume, StartBeginning, StartEnd, StartOffset, StartOffsets, StartTime, StartLag>;

// resume | beginning | end | offset:N | offsets:TOPIC/PARTITION=N,… | time:MILLISECONDS | time:RFC3339 |
// lag:N Throws OptionError naming --from.
[[nodiscard]] StartRule parse_start_rule(std::string_view text);

}  // namespace millrace
