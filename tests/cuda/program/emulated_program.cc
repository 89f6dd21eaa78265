// What makes the program one that runs on the emulated device: there is a device from the first to the last
// moment. EMULATED_DEVICE_SEED draws another order of its work.
#include <cstdlib>
#include <fmt/format.h>
#include <unistd.h>

#include "support/emulated_device/emulated_device.h"

namespace {

// Of none of the program's own meanings.
constexpr int kDeviceFoundMistakes = 99;

std::uint64_t seed() {
  const char* const text = std::getenv("EMULATED_DEVICE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

millrace::emulated::EmulatedDevice& device() {
  static millrace::emulated::EmulatedDevice the_device({.seed = seed()});
  return the_device;
}

[[maybe_unused]] const auto& made_before_main = device();

}  // namespace

// Stands in for main's _exit: a mistake in the use of the device makes the run a failed one.
extern "C" [[noreturn]] void leave_emulated_program(int code) {
  const auto failures = device().take_failures();
  for (const auto& failure : failures) fmt::print(stderr, "emulated device: {}\n", failure.sentence());
  std::fflush(stderr);
  _exit(failures.empty() ? code : kDeviceFoundMistakes);
}
