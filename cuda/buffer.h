// Owners of device memory and of pinned host memory. Their view is std::span.
//
// Invariants: (1) memory is aligned to 256 bytes on the device and to 64 on the host, and not initialised;
// (2) sizes are constant; an empty buffer is allowed and holds no memory; (3) a DeviceBuffer frees in the
// order of the stream that it was made on: work that other streams do with it must be ordered before its
// destruction by an event on that stream, and the stream outlives the buffer; (4) a PinnedBuffer waits for
// the whole device when freed, so it belongs to set-up and tear-down. Errors: DeviceError.
#pragma once

#include <cstddef>
#include <cuda_runtime_api.h>
#include <span>
#include <type_traits>
#include <utility>

#include "cuda/check.h"

namespace millrace::cuda {

template <class T>
class DeviceBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  DeviceBuffer(std::size_t count, cudaStream_t stream) : count_(count), stream_(stream) {
    if (count_ > 0) MILLRACE_CUDA_CHECK(cudaMallocAsync(&memory_, count_ * sizeof(T), stream_));
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        count_(std::exchange(other.count_, 0)),
        stream_(other.stream_) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(count_, other.count_);
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~DeviceBuffer() {
    if (memory_ != nullptr) log_failed_release(cudaFreeAsync(memory_, stream_), "cudaFreeAsync");
  }

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] T* data() const { return static_cast<T*>(memory_); }
  [[nodiscard]] std::span<T> view() const { return {data(), count_}; }

 private:
  void* memory_ = nullptr;
  std::size_t count_;
  cudaStream_t stream_;
};

template <class T>
class PinnedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit PinnedBuffer(std::size_t count) : count_(count) {
    if (count_ > 0) MILLRACE_CUDA_CHECK(cudaHostAlloc(&memory_, count_ * sizeof(T), cudaHostAllocDefault));
  }
  PinnedBuffer(PinnedBuffer&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~PinnedBuffer() {
    if (memory_ != nullptr) log_failed_release(cudaFreeHost(memory_), "cudaFreeHost");
  }

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] T* data() const { return static_cast<T*>(memory_); }
  [[nodiscard]] std::span<T> view() const { return {data(), count_}; }
  [[nodiscard]] T& operator[](std::size_t index) const { return data()[index]; }

 private:
  void* memory_ = nullptr;
  std::size_t count_;
};

// Host to device, device to host, or within the device; host memory is pinned. Sizes in bytes must agree.
template <class To, class From>
void copy_async(std::span<To> to, std::span<From> from, cudaStream_t stream) {
  static_assert(std::is_same_v<To, std::remove_const_t<From>>);
  MILLRACE_CUDA_CHECK(to.size() == from.size() ? cudaSuccess : cudaErrorInvalidValue);
  if (to.empty()) return;
  MILLRACE_CUDA_CHECK(cudaMemcpyAsync(to.data(), from.data(), to.size_bytes(), cudaMemcpyDefault, stream));
}

template <class T>
void fill_zero_async(std::span<T> memory, cudaStream_t stream) {
  if (memory.empty()) return;
  MILLRACE_CUDA_CHECK(cudaMemsetAsync(memory.data(), 0, memory.size_bytes(), stream));
}

}  // namespace millrace::cuda
