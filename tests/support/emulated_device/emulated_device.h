// A CUDA device made of software, so that CUDA code is tested where no GPU is. The CUDA runtime calls of the
// program under test are this library's; kernels run thread by thread on the host (docs/emulated-device.md).
//
// Invariants: (1) at most one EmulatedDevice exists at a time; without one, every runtime call says
// cudaErrorInsufficientDriver, as on a machine without a driver; (2) the seed alone decides in which of the
// allowed orders work runs; (3) a failure that nobody took fails the running GoogleTest test when the device
// goes; (4) after a kernel failed the device is lost, and every call says so, as on a real one. Runtime calls
// may come from any thread, one after the other; the owner is used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::emulated {

struct Failure {
  enum class Kind {
    divergent_barrier,  // threads that should meet wait in different places, or have ended
    deadlock,           // a wait in spin_until or barrier_wait that nothing can end
    barrier_misuse,     // a barrier in shared memory that is not initialised, or does not count what arrives
    absent_lane,        // a shuffle read a lane that takes no part
    out_of_bounds,      // an address outside every object that the thread may touch
    misaligned,
    never_written,  // a read of memory that nothing wrote
    shared_race,    // two threads, one shared address, one of them writing, no barrier between
    plain_spin,     // a spin-wait that reads, or writes, memory otherwise than by load_acquire
    stream_race,    // the same between works of different streams that no event orders (global memory)
    use_after_free,
    unpinned_copy,       // an asynchronous copy from or to memory that is not pinned
    host_buffer_reused,  // the host changed a pinned buffer before its copy ended
    default_stream,      // work without a stream of its own
    too_much_shared,     // more shared memory than a block can have
    trapped,
  };

  Kind kind;
  std::string work;  // the kernel, or the runtime call
  uint3 block{};     // kernels only
  uint3 thread{};
  std::string detail;

  // "shared_race in sum_rows, block (1,0,0), thread (33,0,0): …"
  [[nodiscard]] std::string sentence() const;
};

std::string_view name_of(Failure::Kind kind);
std::string name_of(const uint3& place);  // "(1,0,0)"

struct Settings {
  std::uint64_t seed = 1;
  // Observe every access of kernels compiled with -fsanitize=thread. Kernels compiled without it must not run
  // then: what they write would count as never written.
  bool check_accesses = false;
  std::size_t memory_bytes = std::size_t{1} << 30;
  int compute_capability = 90;  // major * 10 + minor
  // Older than the runtime: every call says cudaErrorInsufficientDriver.
  int driver_version = CUDART_VERSION;
  // All are this one device by different numbers; 0: every call says cudaErrorNoDevice.
  int device_count = 1;
};

struct Counters {
  std::uint64_t calls = 0;          // runtime calls of all kinds, and calls of libraries
  std::uint64_t allocations = 0;    // of device and of pinned memory
  std::uint64_t synchronizing = 0;  // calls that may block the host
  // Kernels, copies, fills, graphs and library calls handed to a stream or to a capture, once each.
  std::uint64_t launches = 0;
  std::uint64_t kernels_run = 0;  // those inside graphs included
  std::uint64_t library_run = 0;  // library calls carried out, those inside graphs included
  std::uint64_t live_allocations = 0;
  std::uint64_t live_handles = 0;  // streams, events, graphs, what libraries made
};

class Device;

class EmulatedDevice {
 public:
  explicit EmulatedDevice(const Settings& settings = {});
  EmulatedDevice(const EmulatedDevice&) = delete;
  EmulatedDevice& operator=(const EmulatedDevice&) = delete;
  ~EmulatedDevice();

  // What went wrong so far; the caller answers for it from here on.
  [[nodiscard]] std::vector<Failure> take_failures();

  // The `nth` call from now (1: the next) of this name, "cudaMallocAsync" say, or of any name if empty, does
  // nothing and returns `error`; a library's call returns the status that it has for it (cublaslt.h).
  void fail_call(std::string_view name, std::uint64_t nth, cudaError_t error);

  // The `nth` call from now of this name does nothing and says that it did: a program that forgot it.
  void skip_call(std::string_view name, std::uint64_t nth);

  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::uint64_t calls_of(std::string_view name) const;

 private:
  std::unique_ptr<Device> device_;
};

}  // namespace millrace::emulated
