#include "kafka/fetch_limits.h"

#include <algorithm>

namespace millrace {
namespace {

// What librdkafka takes.
constexpr std::int64_t kMostMessages = 10'000'000;
constexpr std::int64_t kMostKilobytes = 2'097'151;

// Small rows compressed well: 400 bytes of memory came from as few as a dozen fetched ones.
constexpr std::int64_t kFetchExpansion = 32;
constexpr std::int64_t kLeastFetchBytes = 16 * 1024;
constexpr std::int64_t kMostFetchBytes = 1024 * 1024;

}  // namespace

FetchLimits fetch_limits(std::size_t memory_bytes, std::size_t partitions) {
  const auto share = static_cast<std::int64_t>(memory_bytes / std::max<std::size_t>(1, partitions));
  FetchLimits limits;
  limits.messages = std::clamp<std::int64_t>(share / 2 / static_cast<std::int64_t>(kMessageOverheadBytes), 1,
                                             kMostMessages);
  limits.kilobytes = std::clamp<std::int64_t>(share / 4 / 1024, 1, kMostKilobytes);
  limits.fetch_bytes =
      std::clamp<std::int64_t>(share / 4 / kFetchExpansion, kLeastFetchBytes, kMostFetchBytes);
  return limits;
}

}  // namespace millrace
