#include "kafka/fetch_limits.h"

#include <cstddef>
#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(FetchLimits, StayWithinTheBudgetWhateverTheSizeOfRecords) {
  for (const std::size_t memory : {std::size_t{16} << 20, std::size_t{256} << 20, std::size_t{4} << 30}) {
    for (const std::size_t partitions : {1U, 4U, 64U}) {
      const FetchLimits limits = fetch_limits(memory, partitions);
      const std::int64_t large_fetch = fetch_limits(memory, partitions, RecordSize::large).fetch_bytes;
      EXPECT_LE(limits.fetch_bytes, large_fetch);
      for (const std::int64_t payload : {1, 30, 400, 10'000}) {
        const std::int64_t by_count = limits.messages;
        const std::int64_t by_bytes = limits.kilobytes * 1024 / payload;
        const std::int64_t queued = std::min(by_count, by_bytes);
        const std::int64_t bytes = queued * (payload + static_cast<std::int64_t>(kMessageOverheadBytes));
        EXPECT_LE(bytes * static_cast<std::int64_t>(partitions), static_cast<std::int64_t>(memory));
      }
    }
  }
}

TEST(FetchLimits, AreWhatLibrdkafkaTakesAtEitherExtreme) {
  const FetchLimits least = fetch_limits(0, 10'000);
  EXPECT_GE(least.messages, 1);
  EXPECT_GE(least.kilobytes, 1);
  EXPECT_GE(least.fetch_bytes, 16 * 1024);
  const FetchLimits most = fetch_limits(std::size_t{1} << 50, 1, RecordSize::large);
  EXPECT_LE(most.messages, 10'000'000);
  EXPECT_LE(most.kilobytes, 2'097'151);
  EXPECT_LE(most.fetch_bytes, 1024 * 1024);
}

}  // namespace
}  // namespace millrace
