#include <array>

#include "support/emulated_device/emulated_device.h"

namespace millrace::emulated {
namespace {

std::string place(const uint3& at) {
  return "(" + std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z) + ")";
}

}  // namespace

std::string_view name_of(Failure::Kind kind) {
  constexpr std::array<std::string_view, 13> kNames = {
      "divergent_barrier", "absent_lane",    "out_of_bounds", "misaligned",         "never_written",
      "shared_race",       "stream_race",    "use_after_free", "unpinned_copy",     "host_buffer_reused",
      "default_stream",    "too_much_shared", "trapped"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string Failure::sentence() const {
  return std::string(name_of(kind)) + " in " + work + ", block " + place(block) + ", thread " + place(thread) +
         ": " + detail;
}

}  // namespace millrace::emulated
