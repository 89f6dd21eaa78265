// What the tests of the kernels share: many seeds, odd sizes, and arrays that travel to the device and back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "cuda/buffer.h"
#include "cuda/stream.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace::cuda {

inline constexpr std::size_t kOddSizes[] = {1, 31, 32, 33, 257};

// `body(stream)` on a device of its own for each seed.
template <class Body>
void under_each_seed(Body&& body) {
  constexpr std::uint64_t kSeeds = 8;
  for (std::uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const emulated::EmulatedDevice device({.seed = seed, .check_accesses = MILLRACE_CHECK_ACCESSES});
    const Stream stream;
    body(stream);
  }
}

// An array on the device.
template <class T>
class OnDevice {
 public:
  // Not initialised.
  OnDevice(std::size_t count, const Stream& stream)
      : stream_(stream), host_(count), device_(count, stream.view()) {}
  OnDevice(const std::vector<T>& values, const Stream& stream) : OnDevice(values.size(), stream) {
    std::copy(values.begin(), values.end(), host_.view().begin());
    copy_async(device_.view(), host_.view(), stream_.view());
  }

  [[nodiscard]] T* data() const { return device_.data(); }
  [[nodiscard]] std::span<T> view() const { return device_.view(); }

  // What it holds once the stream has done all it was given.
  [[nodiscard]] std::vector<T> fetch() const {
    copy_async(host_.view(), device_.view(), stream_.view());
    stream_.synchronize();
    return {host_.view().begin(), host_.view().end()};
  }

 private:
  const Stream& stream_;
  PinnedBuffer<T> host_;
  DeviceBuffer<T> device_;
};

// Numbers between -1 and 1 without a pattern, the same ones for the same `salt`.
inline std::vector<float> scattered(std::size_t count, std::uint32_t salt) {
  std::vector<float> values(count);
  std::uint32_t state = salt * 2654435761U + 1;
  for (float& value : values) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(state >> 8) / static_cast<float>(1U << 23) - 1.0F;
  }
  return values;
}

}  // namespace millrace::cuda
