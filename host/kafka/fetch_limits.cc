#include "kafka/fetch_limits.h"

#include <algorithm>

namespace millrace {
namespace {

// What librdkafka takes.
constexpr std::int64_t kMostMessages = 10'000'000;
constexpr std::int64_t kMostKilobytes = 2'097'151;

// How many bytes of memory come of one that is fetched. Small rows compressed well: 400 bytes of memory came
// from as few as a dozen fetched ones.
constexpr std::int64_t expansion(RecordSize size) { return size == RecordSize::small ? 32 : 8; }

constexpr std::int64_t kLeastFetchBytes = 16 * 1024;
// A broker is asked for the next fetch when the one before it has come, so that small ones are slow where the
// way to it is long: 256 KiB each are 25 MB/s of one partition at 10 ms.
constexpr std::int64_t most_fetch_bytes(RecordSize size) {
  return size == RecordSize::small ? 256 * 1024 : 1024 * 1024;
}

}  // namespace

FetchLimits fetch_limits(std::size_t memory_bytes, std::size_t partitions, RecordSize size) {
  const auto share = static_cast<std::int64_t>(memory_bytes / std::max<std::size_t>(1, partitions));
  FetchLimits limits;
  limits.messages = std::clamp<std::int64_t>(share / 2 / static_cast<std::int64_t>(kMessageOverheadBytes), 1,
                                             kMostMessages);
  limits.kilobytes = std::clamp<std::int64_t>(share / 4 / 1024, 1, kMostKilobytes);
  limits.fetch_bytes =
      std::clamp<std::int64_t>(share / 4 / expansion(size), kLeastFetchBytes, most_fetch_bytes(size));
  return limits;
}

}  // namespace millrace
