// Sorting on the device, by CUB. The one place that calls it: the emulated device puts its own here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <span>

namespace millrace::cuda {

// Scratch for sorting up to `count` keys on the current device. Errors: DeviceError.
[[nodiscard]] std::size_t sort_workspace_bytes(std::size_t count);

// `sorted` becomes `keys` in the order of their high 32 bits; equal ones keep their order. All of one length,
// in device memory; `workspace` holds sort_workspace_bytes(of at least as many). Allocates nothing, does not
// wait.
void sort_by_high_word_async(std::span<const std::uint64_t> keys, std::span<std::uint64_t> sorted,
                             std::span<std::byte> workspace, cudaStream_t stream);

}  // namespace millrace::cuda
