#include "support/emulated_device/device.h"

#include <cstring>
#include <gtest/gtest.h>
#include <stdexcept>
#include <utility>

namespace millrace::emulated {
namespace {

constexpr unsigned kMostThreads = 1024;
constexpr std::size_t kDynamicDefault = 48 * 1024;

bool is_sticky(cudaError_t error) {
  return error == cudaErrorIllegalAddress || error == cudaErrorLaunchFailure ||
         error == cudaErrorMisalignedAddress || error == cudaErrorDevicesUnavailable ||
         error == cudaErrorDeviceUninitialized;
}

// One for all devices, as they exist one after the other: its stacks cost more than a small test.
Multiprocessor& multiprocessor() {
  static Multiprocessor the_one;
  return the_one;
}

bool positive(const dim3& size) { return size.x > 0 && size.y > 0 && size.z > 0; }

}  // namespace

Device* Device::current = nullptr;
std::mutex Device::mutex;

Device::Device(const Settings& the_settings)
    : settings(the_settings),
      memory(the_settings.memory_bytes),
      streams(the_settings.seed, [this](const Work& work) { return run(work); }),
      kernel_seeds_(the_settings.seed) {}

cudaError_t Device::count_call(const char* name, CallKind kind) {
  ++counters_.calls;
  ++calls[name];
  if (kind == CallKind::synchronizing) ++counters_.synchronizing;
  streams.pass_host_time();
  for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
    if (!fault->name.empty() && fault->name != name) continue;
    if (--fault->calls_left > 0) continue;
    const cudaError_t error = fault->error;
    faults.erase(fault);
    if (is_sticky(error)) {
      lost = error;
      streams.abandon();
    }
    return error;
  }
  return cudaSuccess;
}

cudaError_t Device::begin_call(const char* name, CallKind kind) {
  if (const cudaError_t told = count_call(name, kind); told != cudaSuccess) return told;
  if (settings.driver_version < CUDART_VERSION) return cudaErrorInsufficientDriver;
  if (settings.device_count == 0) return cudaErrorNoDevice;
  if (lost != cudaSuccess) return lost;
  if ((kind == CallKind::allocating || kind == CallKind::synchronizing) && streams.capturing()) {
    streams.spoil_captures();
    return cudaErrorStreamCaptureUnsupported;
  }
  streams.run_some();
  return lost;
}

Stream* Device::stream_of(cudaStream_t handle, const char* call, cudaError_t& error) {
  if (handle == nullptr || handle == cudaStreamLegacy || handle == cudaStreamPerThread) {
    failures.push_back({Failure::Kind::default_stream, call, {}, {}, "the call names no stream of its own"});
    error = cudaErrorInvalidResourceHandle;
    return nullptr;
  }
  Stream* stream = streams.find(handle);
  error = stream == nullptr ? cudaErrorInvalidResourceHandle : cudaSuccess;
  return stream;
}

Event* Device::event_of(cudaEvent_t handle) {
  const auto found = events.find(reinterpret_cast<Event*>(handle));
  return found == events.end() ? nullptr : found->second.get();
}

cudaError_t Device::allocate(void** result, std::size_t bytes, MemoryKind kind) {
  *result = memory.allocate(bytes, kind, true);
  if (*result == nullptr) return cudaErrorMemoryAllocation;
  ++counters_.allocations;
  return cudaSuccess;
}

cudaError_t Device::allocate_async(void** result, std::size_t bytes, Stream& stream) {
  std::byte* begin = memory.allocate(bytes, MemoryKind::device, false);
  if (begin == nullptr) return cudaErrorMemoryAllocation;
  ++counters_.allocations;
  *result = begin;
  streams.enqueue(stream, {.kind = Work::Kind::make_live, .name = "cudaMallocAsync", .to = begin});
  return cudaSuccess;
}

// As the real ones do, these wait until the device is idle.
cudaError_t Device::release(void* begin, MemoryKind kind) {
  if (begin == nullptr) return cudaSuccess;
  if (!memory.can_release(begin, kind)) return cudaErrorInvalidValue;
  streams.drain_all();
  memory.release(begin);
  return lost;
}

cudaError_t Device::release_async(void* begin, Stream& stream) {
  if (begin == nullptr) return cudaSuccess;
  if (!memory.can_release(begin, MemoryKind::device)) return cudaErrorInvalidValue;
  streams.enqueue(
      stream, {.kind = Work::Kind::release, .name = "cudaFreeAsync", .to = static_cast<std::byte*>(begin)});
  return cudaSuccess;
}

bool Device::pinned(const void* begin, std::size_t bytes) const {
  const Allocation* allocation = memory.holding(begin, bytes);
  return allocation != nullptr && allocation->kind == MemoryKind::pinned;
}

void Device::watch(Work& work, const void* begin, std::size_t bytes) const {
  if (pinned(begin, bytes)) work.watches.push_back({static_cast<const std::byte*>(begin), bytes, 0});
}

cudaError_t Device::copy(void* to, const void* from, std::size_t bytes, Stream& stream) {
  for (const void* end : {static_cast<const void*>(to), from}) {
    if (memory.contains(end)) continue;
    failures.push_back({Failure::Kind::unpinned_copy,
                        "cudaMemcpyAsync",
                        {},
                        {},
                        std::to_string(bytes) + " bytes " + (end == from ? "from" : "to") +
                            " memory that is not pinned: the copy would wait for the host"});
    return cudaErrorInvalidValue;
  }
  ++counters_.launches;
  Work work{.kind = Work::Kind::copy,
            .name = "cudaMemcpyAsync",
            .to = static_cast<std::byte*>(to),
            .from = static_cast<const std::byte*>(from),
            .bytes = bytes,
            .engine = pinned(from, bytes) ? Engine::copying_in
                      : pinned(to, bytes) ? Engine::copying_out
                                          : Engine::computing};
  watch(work, from, bytes);
  watch(work, to, bytes);
  streams.enqueue(stream, std::move(work));
  return cudaSuccess;
}

cudaError_t Device::fill(void* to, int value, std::size_t bytes, Stream& stream) {
  ++counters_.launches;
  streams.enqueue(stream, {.kind = Work::Kind::fill,
                           .name = "cudaMemsetAsync",
                           .to = static_cast<std::byte*>(to),
                           .bytes = bytes,
                           .value = value});
  return cudaSuccess;
}

cudaError_t Device::launch(const cuda::twin::KernelCall& call, const cuda::LaunchShape& shape,
                           Stream& stream) {
  const dim3& cluster = shape.cluster;
  const auto limit = dynamic_shared_limits.find(call.function);
  const std::size_t dynamic_most =
      limit == dynamic_shared_limits.end() ? kDynamicDefault : static_cast<std::size_t>(limit->second);
  if (!positive(shape.grid) || !positive(shape.block) || !positive(cluster))
    return cudaErrorInvalidConfiguration;
  const std::uint64_t threads = std::uint64_t{shape.block.x} * shape.block.y * shape.block.z;
  const std::uint64_t blocks = std::uint64_t{cluster.x} * cluster.y * cluster.z;
  if (threads > kMostThreads || shape.block.z > 64 || shape.grid.y > 65535 || shape.grid.z > 65535) {
    return cudaErrorInvalidConfiguration;
  }
  if (blocks > 1 && settings.compute_capability < 90) return cudaErrorInvalidClusterSize;
  if (blocks > SharedMemory::kMostBlocks || shape.grid.x % cluster.x != 0 || shape.grid.y % cluster.y != 0 ||
      shape.grid.z % cluster.z != 0) {
    return cudaErrorInvalidClusterSize;
  }
  if (shape.dynamic_bytes > dynamic_most) return cudaErrorInvalidValue;
  ++counters_.launches;
  streams.enqueue(stream,
                  {.kind = Work::Kind::kernel, .name = std::string(call.name), .kernel = {call, shape}});
  return cudaSuccess;
}

void Device::enqueue_library(std::string name, LibraryWork library, Stream& stream) {
  ++counters_.launches;
  streams.enqueue(stream, {.kind = Work::Kind::library,
                           .name = std::move(name),
                           .library = std::make_shared<const LibraryWork>(std::move(library))});
}

cudaError_t Device::launch_graph(const std::shared_ptr<Graph>& graph, Stream& stream) {
  ++counters_.launches;
  Work work{.kind = Work::Kind::graph, .name = "cudaGraphLaunch", .graph = graph};
  for (const Graph::Node& node : graph->nodes) {
    for (const Work::Watch& watch : node.work.watches) work.watches.push_back(watch);
  }
  streams.enqueue(stream, std::move(work));
  return cudaSuccess;
}

bool Device::fail(const Work& work, Problem problem) {
  failures.push_back({problem.kind, work.name, {}, {}, std::move(problem.detail)});
  lost = cudaErrorIllegalAddress;
  return false;
}

bool Device::run(const Work& work) {
  for (const Work::Watch& watch : work.watches) {
    const Allocation* allocation = memory.holding(watch.begin, watch.bytes);
    if (allocation == nullptr || !allocation->live) continue;  // the copy itself says so
    if (digest_of(watch.begin, watch.bytes) != watch.digest) {
      return fail(work,
                  {Failure::Kind::host_buffer_reused, "pinned buffer " + std::to_string(allocation->number) +
                                                          " was changed by the host before the copy ended"});
    }
  }
  const std::uint32_t number = memory.register_work(work.order);
  switch (work.kind) {
    case Work::Kind::kernel:
      return run_kernel(work, number);
    case Work::Kind::copy:
      return run_copy(work, number);
    case Work::Kind::fill:
      if (auto problem = settings.check_accesses ? memory.touch(work.to, work.bytes, Access::write, number)
                                                 : memory.reach(work.to, work.bytes)) {
        return fail(work, std::move(*problem));
      }
      std::memset(work.to, work.value, work.bytes);
      memory.mark_written(work.to, work.bytes);
      streams.forget_watches(work.to, work.bytes);
      return true;
    case Work::Kind::library:
      return run_library(work, number);
    case Work::Kind::make_live:
      memory.make_live(work.to);
      return true;
    case Work::Kind::release:
      memory.release(work.to);
      return true;
    default:
      return true;
  }
}

bool Device::run_kernel(const Work& work, std::uint32_t number) {
  ++counters_.kernels_run;
  KernelRun kernel(work.kernel, memory, multiprocessor(), number, settings, kernel_seeds_());
  std::optional<Failure> failure = kernel.run();
  if (!failure) return true;
  const bool address =
      failure->kind == Failure::Kind::out_of_bounds || failure->kind == Failure::Kind::use_after_free;
  lost = address                                      ? cudaErrorIllegalAddress
         : failure->kind == Failure::Kind::misaligned ? cudaErrorMisalignedAddress
                                                      : cudaErrorLaunchFailure;
  failures.push_back(std::move(*failure));
  return false;
}

bool Device::run_copy(const Work& work, std::uint32_t number) {
  std::optional<Problem> problem;
  if (settings.check_accesses) {
    problem = memory.touch(work.from, work.bytes, Access::read, number);
    if (!problem) problem = memory.touch(work.to, work.bytes, Access::write, number);
  } else {
    problem = memory.reach(work.from, work.bytes);
    if (!problem) problem = memory.reach(work.to, work.bytes);
  }
  if (problem) return fail(work, std::move(*problem));
  std::memcpy(work.to, work.from, work.bytes);
  memory.copy_written(work.to, work.from, work.bytes);
  streams.forget_watches(work.to, work.bytes);
  return true;
}

std::optional<Problem> Device::touch(const Range& range, Access access, std::uint32_t number) {
  const auto* begin = static_cast<const std::byte*>(range.begin);
  const bool without_gaps = range.rows == 1 || range.pitch == range.row_bytes;
  const std::size_t rows = without_gaps ? 1 : range.rows;
  const std::size_t bytes = without_gaps ? range.rows * range.row_bytes : range.row_bytes;
  for (std::size_t row = 0; row < rows && bytes > 0; ++row) {
    const std::byte* at = begin + row * range.pitch;
    std::optional<Problem> problem =
        settings.check_accesses ? memory.touch(at, bytes, access, number) : memory.reach(at, bytes);
    if (problem) {
      problem->detail = std::string(range.name) + ": " + problem->detail;
      return problem;
    }
    if (access != Access::read) {
      memory.mark_written(at, bytes);
      streams.forget_watches(at, bytes);
    }
  }
  return std::nullopt;
}

bool Device::run_library(const Work& work, std::uint32_t number) {
  ++counters_.library_run;
  for (const Range& range : work.library->reads) {
    if (auto problem = touch(range, Access::read, number)) return fail(work, std::move(*problem));
  }
  for (const Range& range : work.library->writes) {
    if (auto problem = touch(range, Access::write, number)) return fail(work, std::move(*problem));
  }
  work.library->compute();
  return true;
}

Counters Device::counters() const {
  Counters result = counters_;
  result.live_allocations = memory.live_allocations();
  result.live_handles = events.size() + graphs.size() + streams.live_streams() + library_handles.size();
  return result;
}

EmulatedDevice::EmulatedDevice(const Settings& settings) : device_(std::make_unique<Device>(settings)) {
  const std::lock_guard lock(Device::mutex);
  if (Device::current != nullptr) throw std::logic_error("an emulated device exists already");
  Device::current = device_.get();
}

EmulatedDevice::~EmulatedDevice() {
  const std::lock_guard lock(Device::mutex);
  device_->streams.drain_all();
  Device::current = nullptr;
  for (const Failure& failure : device_->failures) ADD_FAILURE() << failure.sentence();
}

std::vector<Failure> EmulatedDevice::take_failures() {
  const std::lock_guard lock(Device::mutex);
  return std::exchange(device_->failures, {});
}

void EmulatedDevice::fail_call(std::string_view name, std::uint64_t nth, cudaError_t error) {
  const std::lock_guard lock(Device::mutex);
  device_->faults.push_back({std::string(name), nth, error});
}

bool Device::skips(const char* name) const {
  return !skipped.empty() && skipped.contains({name, calls.find(name)->second});
}

void EmulatedDevice::skip_call(std::string_view name, std::uint64_t nth) {
  const std::uint64_t before = calls_of(name);
  const std::lock_guard lock(Device::mutex);
  device_->skipped.emplace(name, before + nth);
}

Counters EmulatedDevice::counters() const {
  const std::lock_guard lock(Device::mutex);
  return device_->counters();
}

std::uint64_t EmulatedDevice::calls_of(std::string_view name) const {
  const std::lock_guard lock(Device::mutex);
  const auto found = device_->calls.find(name);
  return found == device_->calls.end() ? 0 : found->second;
}

}  // namespace millrace::emulated
