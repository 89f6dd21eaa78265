// The device that a test runs on: emulated in most builds, a real one in builds for a CUDA host. What only
// the emulator knows (schedules, counters, faults) is tested elsewhere.
#pragma once

#include <cstdint>
#include <memory>

namespace millrace::test {

// One at a time; what lives on it goes before it.
class TestDevice {
 public:
  // The seed decides in which of the allowed orders an emulated device works; a real one follows its own.
  explicit TestDevice(std::uint64_t seed = 1);
  TestDevice(const TestDevice&) = delete;
  TestDevice& operator=(const TestDevice&) = delete;
  ~TestDevice();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::test
