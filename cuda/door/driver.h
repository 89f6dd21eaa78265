// What the CUDA runtime says before it is asked for anything, as a clause for people.
#pragma once

#include <cuda_runtime_api.h>
#include <string>

namespace millrace::cuda {

// Of a CUDA version as the runtime writes it, 13000: "13.0".
[[nodiscard]] std::string cuda_version_text(int version);

// Why no device can be reached, with the remedy in brackets; empty: devices can be asked. `driver` is the
// newest CUDA that the driver knows (0: there is none), `runtime` what this program was built with, `count`
// what cudaGetDeviceCount returned, `devices` how many it found.
[[nodiscard]] std::string driver_trouble(int driver, int runtime, cudaError_t count, int devices);

// Why the engine cannot run on a device of this compute capability (major · 10 + minor); empty: it can.
[[nodiscard]] std::string capability_trouble(int compute_capability);

}  // namespace millrace::cuda
