// What the tests of kernels share: devices that work in several orders, odd sizes, and arrays that travel to
// the device and back. Nothing here but the CUDA runtime, so a real device can run the same tests.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <span>
#include <string>
#include <vector>

#include "cuda/buffer.h"
#include "cuda/stream.h"
#include "cuda/test_device.h"

namespace millrace::cuda {

inline constexpr std::uint32_t kOddRows[] = {1, 31, 33, 257};
inline constexpr std::uint64_t kSeeds = 3;

using Elements = testing::Types<float, __nv_bfloat16>;

// `body(stream)` on a device of its own for each seed.
template <class Body>
void under_each_seed(Body&& body) {
  for (std::uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const test::TestDevice device(seed);
    const Stream stream;
    body(stream);
  }
}

// What `body(stream)` comes to, which must be the same bits under each seed: a struct of vectors that can be
// compared.
template <class Body>
auto same_under_each_seed(Body&& body) {
  decltype(body(std::declval<const Stream&>())) first;
  bool is_first = true;
  under_each_seed([&](const Stream& stream) {
    auto result = body(stream);
    if (is_first)
      first = std::move(result);
    else
      EXPECT_TRUE(first == result) << "not the bits of the first seed";
    is_first = false;
  });
  return first;
}

// An array on the device, and pinned memory of the same length to reach it.
template <class T>
class OnDevice {
 public:
  // Not initialised.
  OnDevice(std::size_t count, const Stream& stream)
      : stream_(stream), host_(count), device_(count, stream.view()) {}
  OnDevice(const std::vector<T>& values, const Stream& stream) : OnDevice(values.size(), stream) {
    put(values);
  }

  [[nodiscard]] T* data() const { return device_.data(); }
  [[nodiscard]] std::span<T> view() const { return device_.view(); }

  void put(const std::vector<T>& values) const {
    stream_.synchronize();  // the copy before this one may still read the pinned memory
    std::copy(values.begin(), values.end(), host_.view().begin());
    copy_async(device_.view(), host_.view(), stream_.view());
  }

  // What it holds once the stream has done all that it was given.
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

// The value of a bfloat16's 16 bits; where they say infinity, the power of two that comes next.
inline double bfloat16_place(std::uint32_t bits) {
  const float value = std::bit_cast<float>(bits << 16);
  return std::isinf(value) ? std::copysign(std::ldexp(1.0, 128), double{value}) : double{value};
}

// The nearest bfloat16, of two the even one, found by comparing distances.
inline std::uint16_t nearest_bfloat16(float x) {
  const std::uint32_t towards_zero = std::bit_cast<std::uint32_t>(x) >> 16;
  if (std::isnan(x)) return 0x7fff;
  if (std::isinf(x)) return static_cast<std::uint16_t>(towards_zero);
  const double below = std::fabs(double{x} - bfloat16_place(towards_zero));
  const double above = std::fabs(bfloat16_place(towards_zero + 1) - double{x});
  const bool away = above < below || (above == below && towards_zero % 2 == 1);
  return static_cast<std::uint16_t>(towards_zero + (away ? 1 : 0));
}

// Between float and the elements that kernels work on.
template <class T>
T rounded_to(float x) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return x;
  } else {
    return std::bit_cast<T>(nearest_bfloat16(x));
  }
}

template <class T>
std::vector<T> rounded_to(const std::vector<float>& values) {
  std::vector<T> result;
  for (const float value : values) result.push_back(rounded_to<T>(value));
  return result;
}

inline float widened(float x) { return x; }
inline float widened(__nv_bfloat16 x) {
  return std::bit_cast<float>(std::uint32_t{std::bit_cast<std::uint16_t>(x)} << 16);
}

template <class T>
std::vector<float> widened(const std::vector<T>& values) {
  std::vector<float> result;
  for (const T& value : values) result.push_back(widened(value));
  return result;
}

// The relative step between neighbouring elements of type T near 1.
template <class T>
inline constexpr double kEpsilon = sizeof(T) == sizeof(float) ? 0x1p-23 : 0x1p-7;

}  // namespace millrace::cuda
