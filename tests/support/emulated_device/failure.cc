#include <array>
#include <fmt/format.h>

#include "support/emulated_device/emulated_device.h"

namespace millrace::emulated {
std::string name_of(const uint3& place) { return fmt::format("({},{},{})", place.x, place.y, place.z); }

std::string_view name_of(Failure::Kind kind) {
  constexpr std::array<std::string_view, 16> kNames = {
      "divergent_barrier",  "deadlock",       "barrier_misuse",  "absent_lane",
      "out_of_bounds",      "misaligned",     "never_written",   "shared_race",
      "plain_spin",         "stream_race",    "use_after_free",  "unpinned_copy",
      "host_buffer_reused", "default_stream", "too_much_shared", "trapped"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string Failure::sentence() const {
  return fmt::format("{} in {}, block {}, thread {}: {}", name_of(kind), work, name_of(block),
                     name_of(thread), detail);
}

}  // namespace millrace::emulated
