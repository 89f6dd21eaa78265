// How much librdkafka may fetch ahead, from a budget of bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/decoder.h"

namespace millrace {

// librdkafka 2.0.2 has two limits per partition, where partitions have queues of their own: a number of
// messages and their payload. Neither counts what a message costs besides (kMessageOverheadBytes), and a
// fetch that is under way when a limit is reached still comes in whole, decompressed. So the share of a
// partition goes in three parts: overhead of messages, payload, and one fetch.
struct FetchLimits {
  std::int64_t messages = 0;     // queued.min.messages: no fetch at or above it
  std::int64_t kilobytes = 0;    // queued.max.messages.kbytes: likewise, of payload
  std::int64_t fetch_bytes = 0;  // max.partition.fetch.bytes: one fetch, compressed
};

inline constexpr std::size_t kMessageOverheadBytes = 400;

// Small records are some dozens or hundreds of bytes long. A fetch holds many of them, and each takes up many
// times its bytes: where a fetch is large, all of that falls out of the processor's caches before it is read.
// Large ones, of some kilobytes, come fastest in large fetches.
enum class RecordSize : std::uint8_t { small, large };

// By whether a record can hold many rows.
[[nodiscard]] inline RecordSize record_size(const Decoder& decoder) {
  return decoder.holds_many_rows() ? RecordSize::large : RecordSize::small;
}

[[nodiscard]] FetchLimits fetch_limits(std::size_t memory_bytes, std::size_t partitions,
                                       RecordSize size = RecordSize::small);

}  // namespace millrace
