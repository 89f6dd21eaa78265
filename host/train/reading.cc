#include "train/reading.h"

#include <algorithm>

#include "kafka/fingerprint.h"

namespace millrace {

AssemblerSettings reading_from(const KafkaSource& source, const StopRule& stop) {
  AssemblerSettings settings{.stop = stop,
                             .starts = {source.starts().begin(), source.starts().end()},
                             .fingerprint = &fingerprint_of};
  if (stop.when == StopRule::When::end) {
    settings.ends.assign(source.ends_at_start().begin(), source.ends_at_start().end());
  }
  return settings;
}

std::uint64_t offsets_behind(std::span<const CommitOffset> finished, std::span<const std::int64_t> ends) {
  std::uint64_t behind = 0;
  for (std::size_t index = 0; index < std::min(ends.size(), finished.size()); ++index) {
    behind += static_cast<std::uint64_t>(std::max<std::int64_t>(ends[index] - finished[index].offset, 0));
  }
  return behind;
}

std::optional<std::uint64_t> records_left(const StopRule& stop, std::span<const std::int64_t> ends,
                                          std::span<const CommitOffset> finished, std::uint64_t records) {
  if (stop.when == StopRule::When::records) return stop.records - std::min(stop.records, records);
  if (stop.when != StopRule::When::end) return std::nullopt;
  return offsets_behind(finished, ends);
}

}  // namespace millrace
