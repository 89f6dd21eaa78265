#include "kafka/fingerprint.h"

#define XXH_STATIC_LINKING_ONLY  // a hash state on the stack
#include <bit>
#include <cstdint>
#include <string_view>
#include <xxhash.h>

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little, "the hash takes lengths in little-endian order");

void take(XXH3_state_t& state, std::string_view bytes, bool present) {
  const std::int64_t length = present ? static_cast<std::int64_t>(bytes.size()) : -1;
  XXH3_64bits_update(&state, &length, sizeof length);
  if (present) XXH3_64bits_update(&state, bytes.data(), bytes.size());
}

}  // namespace

RecordFingerprint fingerprint_of(const RecordView& record) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  take(state, record.key, record.has_key);
  take(state, record.value, record.has_value);
  return {record.offset, record.timestamp_ms, XXH3_64bits_digest(&state)};
}

}  // namespace millrace
