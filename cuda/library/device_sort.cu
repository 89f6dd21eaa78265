// Radix sort by the high word alone: stable, so that keys with equal high words keep their order.

#include <cstdint>
#include <cub/device/device_radix_sort.cuh>

#include "cuda/check.h"
#include "cuda/library/device_sort.h"

namespace millrace::cuda {
namespace {

constexpr int kFirstBit = 32;
constexpr int kEndBit = 64;

// A window has at most 2^24 rows, and CUB counts faster with 32 bits. With `workspace` null it only says how
// much it needs.
cudaError_t sort(void* workspace, std::size_t& workspace_bytes, const std::uint64_t* keys,
                 std::uint64_t* sorted, std::size_t count, cudaStream_t stream) {
  return cub::DeviceRadixSort::SortKeys(workspace, workspace_bytes, keys, sorted,
                                        static_cast<std::uint32_t>(count), kFirstBit, kEndBit, stream);
}

}  // namespace

std::size_t sort_workspace_bytes(std::size_t count) {
  std::size_t bytes = 0;
  MILLRACE_CUDA_CHECK(sort(nullptr, bytes, nullptr, nullptr, count, nullptr));
  return bytes;
}

void sort_by_high_word_async(std::span<const std::uint64_t> keys, std::span<std::uint64_t> sorted,
                             std::span<std::byte> workspace, cudaStream_t stream) {
  if (keys.empty()) return;
  std::size_t bytes = workspace.size();
  MILLRACE_CUDA_CHECK(sort(workspace.data(), bytes, keys.data(), sorted.data(), keys.size(), stream));
}

}  // namespace millrace::cuda
