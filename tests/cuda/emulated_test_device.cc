#include "cuda/test_device.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace::test {

struct TestDevice::Parts {
  emulated::EmulatedDevice device;
};

TestDevice::TestDevice(std::uint64_t seed)
    : parts_(new Parts{emulated::EmulatedDevice({.seed = seed, .check_accesses = MILLRACE_CHECK_ACCESSES})}) {
}
TestDevice::~TestDevice() = default;

}  // namespace millrace::test
