// cuda/library/device_sort.h for the emulated device: what CUB would do, as library work.

#include "cuda/library/device_sort.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/errors.h"

#include "support/emulated_device/device.h"

namespace millrace::cuda {
namespace {

using emulated::Device;

constexpr const char* kBytesName = "sort_workspace_bytes";
constexpr const char* kSortName = "sort_by_high_word_async";
constexpr double kFlopsPerKey = 64;  // for the clock

// More than a second copy of the keys, as CUB's is: to offer just that is noticed.
std::size_t needed_for(std::size_t count) { return count * sizeof(std::uint64_t) + 1024; }

[[noreturn]] void refuse(const char* call, cudaError_t error, const char* why) {
  throw DeviceError(std::string(call) + ": " + cudaGetErrorName(error) + " (" + why + ")");
}

// A lock on a device that may be used; `call` is counted.
std::unique_lock<std::mutex> begin(const char* call, Device::CallKind kind) {
  std::unique_lock lock(Device::mutex);
  const cudaError_t error =
      Device::current == nullptr ? cudaErrorInsufficientDriver : Device::current->begin_call(call, kind);
  if (error != cudaSuccess) refuse(call, error, cudaGetErrorString(error));
  return lock;
}

template <class A, class B>
bool overlap(std::span<A> one, std::span<B> other) {
  const auto first = std::as_bytes(one);
  const auto second = std::as_bytes(other);
  return first.data() < second.data() + second.size() && second.data() < first.data() + first.size();
}

emulated::Range range_of(const char* name, std::span<const std::byte> bytes) {
  return {name, bytes.data(), bytes.size(), 1, bytes.size()};
}

}  // namespace

std::size_t sort_workspace_bytes(std::size_t count) {
  const auto lock = begin(kBytesName, Device::CallKind::plain);
  return needed_for(count);
}

void sort_by_high_word_async(std::span<const std::uint64_t> keys, std::span<std::uint64_t> sorted,
                             std::span<std::byte> workspace, cudaStream_t stream) {
  const auto lock = begin(kSortName, Device::CallKind::enqueuing);
  if (sorted.size() != keys.size()) refuse(kSortName, cudaErrorInvalidValue, "lengths differ");
  if (workspace.size() < needed_for(keys.size())) {
    refuse(kSortName, cudaErrorInvalidValue, "the workspace is too small");
  }
  if (overlap(keys, sorted) || overlap(keys, workspace) || overlap(sorted, workspace)) {
    refuse(kSortName, cudaErrorInvalidValue, "the arrays overlap");
  }
  cudaError_t error = cudaSuccess;
  emulated::Stream* its = Device::current->stream_of(stream, kSortName, error);
  if (its == nullptr) refuse(kSortName, error, cudaGetErrorString(error));
  if (keys.empty()) return;
  emulated::LibraryWork work;
  work.reads = {range_of("keys", std::as_bytes(keys))};
  work.writes = {range_of("sorted", std::as_bytes(sorted)),
                 range_of("workspace", workspace.first(needed_for(keys.size())))};
  work.flops = kFlopsPerKey * static_cast<double>(keys.size());
  work.compute = [keys, sorted] {
    std::copy(keys.begin(), keys.end(), sorted.begin());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](std::uint64_t a, std::uint64_t b) { return a >> 32U < b >> 32U; });
  };
  Device::current->enqueue_library(kSortName, std::move(work), *its);
}

}  // namespace millrace::cuda
