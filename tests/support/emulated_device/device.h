// The state behind the runtime calls: memory, streams, and what is counted and injected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/emulated_device/cublaslt.h"
#include "support/emulated_device/cudnn.h"
#include "support/emulated_device/emulated_device.h"
#include "support/emulated_device/kernel_run.h"
#include "support/emulated_device/memory.h"
#include "support/emulated_device/streams.h"

namespace millrace::emulated {

class Device {
 public:
  explicit Device(const Settings& settings);

  // The one that exists, or nullptr; guarded by `mutex`.
  static Device* current;
  static std::mutex mutex;

  // What a call does to the host's side.
  enum class CallKind { plain, allocating, synchronizing, enqueuing };

  // Counts the call, and says whether it was told to fail. Calls that need no device do only this.
  cudaError_t count_call(const char* name, CallKind kind);
  // That; then lets some work run, and says what it must return at once, if anything but success.
  cudaError_t begin_call(const char* name, CallKind kind);

  cudaError_t allocate(void** memory, std::size_t bytes, MemoryKind kind);
  cudaError_t allocate_async(void** memory, std::size_t bytes, Stream& stream);
  cudaError_t release(void* memory, MemoryKind kind);
  cudaError_t release_async(void* memory, Stream& stream);
  cudaError_t copy(void* to, const void* from, std::size_t bytes, Stream& stream);
  cudaError_t fill(void* to, int value, std::size_t bytes, Stream& stream);
  cudaError_t launch(const cuda::twin::KernelCall& call, const cuda::LaunchShape& shape, Stream& stream);
  // What a library call named `name` leaves to the device.
  void enqueue_library(std::string name, LibraryWork work, Stream& stream);
  cudaError_t launch_graph(const std::shared_ptr<Graph>& graph, Stream& stream);

  // The stream of a handle; nullptr, with a failure where it is the default stream.
  Stream* stream_of(cudaStream_t handle, const char* call, cudaError_t& error);
  Event* event_of(cudaEvent_t handle);

  [[nodiscard]] Counters counters() const;

  const Settings settings;
  Memory memory;
  Streams streams;
  std::map<Event*, std::unique_ptr<Event>> events;
  std::map<void*, std::unique_ptr<std::shared_ptr<Graph>>>
      graphs;                                        // by address of the value; executable ones too
  std::map<const void*, int> dynamic_shared_limits;  // by kernel
  std::map<std::thread::id, int> selected;           // by cudaSetDevice; device 0 otherwise
  std::set<const void*> library_handles;             // made by libraries for the program, not yet destroyed
  CublasLtBehaviour cublaslt;
  CudnnBehaviour cudnn;
  std::vector<Failure> failures;
  cudaError_t last_error = cudaSuccess;
  cudaError_t lost = cudaSuccess;  // not cudaSuccess: what every call returns from now on
  std::map<std::string, std::uint64_t, std::less<>> calls;

  struct Fault {
    std::string name;  // empty: any call
    std::uint64_t calls_left;
    cudaError_t error;
  };
  std::vector<Fault> faults;
  std::set<std::pair<std::string, std::uint64_t>> skipped;  // calls by name and number

  // Whether the call of this name that was begun last is one of those.
  [[nodiscard]] bool skips(const char* name) const;

 private:
  bool run(const Work& work);
  bool fail(const Work& work, Problem problem);
  bool run_kernel(const Work& work, std::uint32_t number);
  bool run_copy(const Work& work, std::uint32_t number);
  bool run_library(const Work& work, std::uint32_t number);
  [[nodiscard]] std::optional<Problem> touch(const Range& range, Access access, std::uint32_t number);
  [[nodiscard]] bool pinned(const void* memory, std::size_t bytes) const;
  void watch(Work& work, const void* memory, std::size_t bytes) const;

  std::mt19937_64 kernel_seeds_;
  Counters counters_;
};

}  // namespace millrace::emulated
