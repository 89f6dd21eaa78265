// How a kernel is spread over the device.
#pragma once

#include <cstddef>
#include <cuda_runtime_api.h>

namespace millrace::cuda {

struct LaunchShape {
  dim3 grid;                      // blocks; a multiple of `cluster` in each direction
  dim3 block;                     // threads of a block, at most 1024
  std::size_t dynamic_bytes = 0;  // behind block_dynamic(); above 48 KiB allow_dynamic_shared comes first
  dim3 cluster = {1, 1, 1};       // blocks of a cluster, at most 8; anything but 1 needs sm_90
};

}  // namespace millrace::cuda
