// What the device vocabulary stands on where the host compiler compiles the kernels: the calls that the
// emulated device (tests/support/emulated_device) implements. Kernels never include this; the headers beside
// it do.
//
// Everything but `launch` is called from inside a kernel, by the fiber that plays one CUDA thread.
#pragma once

#ifdef __CUDACC__
#error "nvcc compiles the real device: the headers of the vocabulary must not bring the emulated twin in here"
#endif

#include <array>
#include <cstddef>
#include <cuda_runtime_api.h>
#include <memory>
#include <source_location>
#include <string_view>

#include "cuda/device/launch_shape.h"

// For what is the emulator's own inside a kernel's translation unit: its accesses are none of the kernel's.
#define MILLRACE_UNOBSERVED __attribute__((no_sanitize("thread")))

namespace millrace::cuda::twin {

struct ThreadPlace {
  uint3 thread;
  uint3 block;
  dim3 block_dim;
  dim3 grid_dim;
  unsigned linear_thread;  // x fastest
  unsigned cluster_rank;
  unsigned cluster_size;
};

[[nodiscard]] const ThreadPlace& here();

void block_barrier(std::source_location site);
void cluster_arrive();
void cluster_wait();
void warp_barrier(unsigned mask);

// The lanes of `mask` meet; each gives up to 16 bytes and sees what all gave. Lanes outside `mask` hold
// zeros. What is returned lives until the lane's next call.
using LaneValue = std::array<std::byte, 16>;
using LaneValues = std::array<LaneValue, 32>;
[[nodiscard]] const LaneValues& warp_exchange(unsigned mask, const LaneValue& mine, const char* operation);
// Fails the kernel if `lane` takes no part.
void require_lane(unsigned mask, unsigned lane, const char* operation);

// The block's object that `key` names, made when the first thread asks for it.
[[nodiscard]] void* shared_object(const void* key, std::size_t bytes, std::size_t alignment);
[[nodiscard]] void* dynamic_shared();
[[nodiscard]] void* map_shared_rank(const void* local, unsigned rank);

// Copies from global to shared memory that land when their group is waited for.
void copy_async(void* shared, const void* global, std::size_t bytes);
void copy_commit();
void copy_wait(unsigned groups_left);

// Barriers in shared memory, named by their address, and copies that land at any time before their phase
// ends.
void barrier_init(void* barrier, unsigned arrivals);
void barrier_arrive(void* barrier, unsigned expected_bytes);
void barrier_arrive_at(void* local_barrier, unsigned rank);
void barrier_wait(void* barrier, unsigned parity);
void copy_bulk(void* shared, const void* global, std::size_t bytes, void* barrier);

// Says that the calling thread is about to store to a flag, or to load it, and what that orders.
void release(void* flag, std::size_t bytes);
void acquire(const void* flag, std::size_t bytes);

// A wait begins; its predicate is about to be asked; it was asked, and others run where it does not hold yet.
void spin_begins();
void spin_looks();
void spin_looked(bool done);

// Says that the calling thread is about to read and write `bytes` atomically.
void atomic_access(void* address, std::size_t bytes);

[[noreturn]] void trap();

struct KernelCall {
  std::string_view name;
  const void* function;                       // the address that function attributes are set on
  void (*run_thread)(const void* arguments);  // plays one thread
  std::shared_ptr<const void> arguments;
};

// Returns as cudaLaunchKernelEx does.
cudaError_t launch(const KernelCall& call, const LaunchShape& shape, cudaStream_t stream);

}  // namespace millrace::cuda::twin
