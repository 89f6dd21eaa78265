// What makes the program one that runs on the emulated device: there is a device from the first to the last
// moment. EMULATED_DEVICE_SEED draws another order of its work, EMULATED_DEVICE_FAULT="cudaGraphLaunch 3"
// loses the device at the third call of that name, EMULATED_DEVICE_DRIVER=12040 is an older driver.
#include <cstdint>
#include <cstdlib>
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <sstream>
#include <string>
#include <unistd.h>

#include "support/emulated_device/emulated_device.h"

namespace {

// Of none of the program's own meanings.
constexpr int kDeviceFoundMistakes = 99;

std::string environment(const char* name, const char* otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? text : otherwise;
}

millrace::emulated::EmulatedDevice& device() {
  static millrace::emulated::EmulatedDevice the_device(
      {.seed = std::stoull(environment("EMULATED_DEVICE_SEED", "1")),
       .driver_version =
           std::stoi(environment("EMULATED_DEVICE_DRIVER", std::to_string(CUDART_VERSION).c_str()))});
  return the_device;
}

// Loses it where the environment says so.
const millrace::emulated::EmulatedDevice& begin() {
  std::istringstream fault(environment("EMULATED_DEVICE_FAULT", ""));
  std::string call;
  std::uint64_t nth = 0;
  if (fault >> call >> nth) device().fail_call(call, nth, cudaErrorDevicesUnavailable);
  return device();
}

[[maybe_unused]] const auto& made_before_main = begin();

}  // namespace

// Stands in for main's _exit: a mistake in the use of the device makes the run a failed one.
extern "C" [[noreturn]] void leave_emulated_program(int code) {
  const auto failures = device().take_failures();
  for (const auto& failure : failures) fmt::print(stderr, "emulated device: {}\n", failure.sentence());
  std::fflush(stderr);
  _exit(failures.empty() ? code : kDeviceFoundMistakes);
}
