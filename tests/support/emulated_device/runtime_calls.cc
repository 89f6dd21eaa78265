// The CUDA runtime calls of the program under test, with CUDA's own declarations. What is not here does not
// link, which is how a new call is noticed.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <cuda_runtime_api.h>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "cuda/device/twin.h"
#include "support/emulated_device/device.h"

namespace {

using millrace::emulated::Device;
using millrace::emulated::Event;
using millrace::emulated::Graph;
using millrace::emulated::MemoryKind;
using millrace::emulated::Stream;
using Kind = Device::CallKind;

constexpr int kVersion = CUDART_VERSION;
constexpr int kMultiprocessors = 4;
constexpr int kMostThreads = 1024;
constexpr int kSharedByDefault = 48 * 1024;
constexpr int kSharedOnRequest = static_cast<int>(millrace::emulated::SharedMemory::kBlockBytes);
constexpr int kSharedOfMultiprocessor = 228 * 1024;
constexpr int kL2Bytes = 50 * 1024 * 1024;

thread_local cudaError_t error_without_device = cudaSuccess;

cudaError_t keep(Device* device, cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) {
    (device == nullptr ? error_without_device : device->last_error) = error;
  }
  return error;
}

// `body(device)` under the lock, after the call was counted and faults were injected.
template <class Body>
cudaError_t call(const char* name, Kind kind, Body&& body) {
  const std::lock_guard lock(Device::mutex);
  Device* device = Device::current;
  if (device == nullptr) return keep(nullptr, cudaErrorInsufficientDriver);
  const cudaError_t refused = device->begin_call(name, kind);
  if (refused == cudaSuccess && device->skips(name)) return cudaSuccess;
  return keep(device, refused != cudaSuccess ? refused : body(*device));
}

// The same for a call on a stream.
template <class Body>
cudaError_t call_on(cudaStream_t handle, const char* name, Kind kind, Body&& body) {
  return call(name, kind, [&](Device& device) {
    cudaError_t error = cudaSuccess;
    Stream* stream = device.stream_of(handle, name, error);
    return stream == nullptr ? error : body(device, *stream);
  });
}

// And on an event.
template <class Body>
cudaError_t with_event(Device& device, cudaEvent_t handle, Body&& body) {
  Event* event = device.event_of(handle);
  return event == nullptr ? cudaErrorInvalidResourceHandle : body(*event);
}

std::shared_ptr<Graph> graph_of(Device& device, void* handle) {
  const auto found = device.graphs.find(handle);
  return found == device.graphs.end() ? nullptr : *found->second;
}

void* keep_graph(Device& device, std::shared_ptr<Graph> graph) {
  auto kept = std::make_unique<std::shared_ptr<Graph>>(std::move(graph));
  void* handle = kept.get();
  device.graphs.emplace(handle, std::move(kept));
  return handle;
}

// A library's call counts as one kernel, as it mostly is on a device.
cudaGraphNodeType type_of(const millrace::emulated::Work& work) {
  using Of = millrace::emulated::Work::Kind;
  switch (work.kind) {
    case Of::kernel:
    case Of::library:
      return cudaGraphNodeTypeKernel;
    case Of::copy:
      return cudaGraphNodeTypeMemcpy;
    case Of::fill:
      return cudaGraphNodeTypeMemset;
    case Of::make_live:
      return cudaGraphNodeTypeMemAlloc;
    case Of::release:
      return cudaGraphNodeTypeMemFree;
    case Of::graph:
      return cudaGraphNodeTypeGraph;
    case Of::record:
    case Of::wait:
      return cudaGraphNodeTypeEmpty;
  }
  return cudaGraphNodeTypeEmpty;
}

// What cudaDeviceGetAttribute says; nothing for attributes that nobody has asked for yet.
std::optional<int> attribute_of(const Device& device, cudaDeviceAttr attribute) {
  const int capability = device.settings.compute_capability;
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor:
      return capability / 10;
    case cudaDevAttrComputeCapabilityMinor:
      return capability % 10;
    case cudaDevAttrMultiProcessorCount:
      return kMultiprocessors;
    case cudaDevAttrWarpSize:
      return 32;
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      return kMostThreads;
    case cudaDevAttrMaxBlockDimZ:
      return 64;
    case cudaDevAttrMaxGridDimX:
      return 0x7fffffff;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      return 65535;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return 2 * kMostThreads;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return kSharedByDefault;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return kSharedOnRequest;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return kSharedOfMultiprocessor;
    case cudaDevAttrL2CacheSize:
      return kL2Bytes;
    case cudaDevAttrAsyncEngineCount:
      return 2;
    case cudaDevAttrComputeMode:
      return cudaComputeModeDefault;
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrMemoryPoolsSupported:
    case cudaDevAttrUnifiedAddressing:
      return 1;
    case cudaDevAttrClusterLaunch:
      return capability >= 90 ? 1 : 0;
    default:
      return std::nullopt;
  }
}

bool exists(const Device& device, int ordinal) {
  return ordinal >= 0 && ordinal < device.settings.device_count;
}

cudaError_t drop_graph(Device& device, void* handle) {
  return device.graphs.erase(handle) == 1 ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace

namespace millrace::cuda::twin {

cudaError_t launch(const KernelCall& kernel, const LaunchShape& shape, cudaStream_t stream) {
  return call_on(stream, "cudaLaunchKernelEx", Kind::enqueuing,
                 [&](Device& device, Stream& its) { return device.launch(kernel, shape, its); });
}

}  // namespace millrace::cuda::twin

extern "C" {

// --- the device

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return call("cudaGetDeviceCount", Kind::plain,
              [&](Device& its) { return *count = its.settings.device_count, cudaSuccess; });
}

cudaError_t cudaGetDevice(int* device) {
  return call("cudaGetDevice", Kind::plain, [&](Device& its) {
    const auto selected = its.selected.find(std::this_thread::get_id());
    *device = selected == its.selected.end() ? 0 : selected->second;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return call("cudaSetDevice", Kind::plain, [&](Device& its) {
    if (!exists(its, device)) return cudaErrorInvalidDevice;
    its.selected[std::this_thread::get_id()] = device;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call("cudaDeviceGetAttribute", Kind::plain, [&](Device& its) {
    if (!exists(its, device)) return cudaErrorInvalidDevice;
    const std::optional<int> known = attribute_of(its, attribute);
    if (!known) return cudaErrorInvalidValue;
    *value = *known;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call("cudaGetDeviceProperties", Kind::plain, [&](Device& its) {
    if (!exists(its, device)) return cudaErrorInvalidDevice;
    *properties = cudaDeviceProp{};
    std::strncpy(properties->name, "Emulated device", sizeof properties->name - 1);
    properties->major = its.settings.compute_capability / 10;
    properties->minor = its.settings.compute_capability % 10;
    properties->totalGlobalMem = its.settings.memory_bytes;
    properties->multiProcessorCount = kMultiprocessors;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = kMostThreads;
    properties->sharedMemPerBlock = kSharedByDefault;
    properties->sharedMemPerBlockOptin = kSharedOnRequest;
    properties->sharedMemPerMultiprocessor = kSharedOfMultiprocessor;
    properties->l2CacheSize = kL2Bytes;
    properties->asyncEngineCount = 2;
    properties->memoryPoolsSupported = 1;
    return cudaSuccess;
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return call("cudaMemGetInfo", Kind::plain, [&](Device& device) {
    *free = device.memory.free_device_bytes();
    *total = device.settings.memory_bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  const std::lock_guard lock(Device::mutex);
  *version = Device::current == nullptr ? 0 : Device::current->settings.driver_version;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  return call("cudaDeviceSynchronize", Kind::synchronizing, [](Device& device) {
    device.streams.drain_all();
    return device.lost;
  });
}

cudaError_t cudaGetLastError() {
  const std::lock_guard lock(Device::mutex);
  Device* device = Device::current;
  if (device == nullptr) return std::exchange(error_without_device, cudaSuccess);
  return device->lost != cudaSuccess ? device->lost : std::exchange(device->last_error, cudaSuccess);
}

cudaError_t cudaPeekAtLastError() {
  const std::lock_guard lock(Device::mutex);
  Device* device = Device::current;
  if (device == nullptr) return error_without_device;
  return device->lost != cudaSuccess ? device->lost : device->last_error;
}

// --- memory

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  return call("cudaMalloc", Kind::allocating,
              [&](Device& device) { return device.allocate(memory, bytes, MemoryKind::device); });
}

cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t stream) {
  return call_on(stream, "cudaMallocAsync", Kind::allocating,
                 [&](Device& device, Stream& its) { return device.allocate_async(memory, bytes, its); });
}

cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  return call("cudaHostAlloc", Kind::allocating,
              [&](Device& device) { return device.allocate(memory, bytes, MemoryKind::pinned); });
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return call("cudaMallocHost", Kind::allocating,
              [&](Device& device) { return device.allocate(memory, bytes, MemoryKind::pinned); });
}

cudaError_t cudaFree(void* memory) {
  return call("cudaFree", Kind::synchronizing,
              [&](Device& device) { return device.release(memory, MemoryKind::device); });
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  return call_on(stream, "cudaFreeAsync", Kind::plain,
                 [&](Device& device, Stream& its) { return device.release_async(memory, its); });
}

cudaError_t cudaFreeHost(void* memory) {
  return call("cudaFreeHost", Kind::synchronizing,
              [&](Device& device) { return device.release(memory, MemoryKind::pinned); });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  return call_on(stream, "cudaMemcpyAsync", Kind::enqueuing,
                 [&](Device& device, Stream& its) { return device.copy(to, from, bytes, its); });
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return call_on(stream, "cudaMemsetAsync", Kind::enqueuing,
                 [&](Device& device, Stream& its) { return device.fill(to, value, bytes, its); });
}

// --- streams and events

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return call("cudaStreamCreateWithFlags", Kind::plain, [&](Device& device) {
    *stream = reinterpret_cast<cudaStream_t>(&device.streams.make_stream());
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call_on(stream, "cudaStreamDestroy", Kind::plain, [](Device& device, Stream& its) {
    device.streams.destroy(its);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call_on(stream, "cudaStreamSynchronize", Kind::synchronizing, [](Device& device, Stream& its) {
    device.streams.drain(its);
    return device.lost;
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call_on(stream, "cudaStreamQuery", Kind::plain, [](Device& device, Stream& its) {
    if (!its.queue.empty()) return cudaErrorNotReady;
    device.streams.drain(its);  // nothing is left to run: the host learns of it
    return device.lost;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call_on(stream, "cudaStreamWaitEvent", Kind::plain, [&](Device& device, Stream& its) {
    return with_event(device, event, [&](Event& awaited) { return device.streams.wait(its, awaited); });
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return call("cudaEventCreateWithFlags", Kind::plain, [&](Device& device) {
    auto made = std::make_unique<Event>();
    made->timing = (flags & cudaEventDisableTiming) == 0;
    *event = reinterpret_cast<cudaEvent_t>(made.get());
    device.events.emplace(made.get(), std::move(made));
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call("cudaEventDestroy", Kind::plain, [&](Device& device) {
    return device.events.erase(reinterpret_cast<Event*>(event)) == 1 ? cudaSuccess
                                                                     : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call_on(stream, "cudaEventRecord", Kind::plain, [&](Device& device, Stream& its) {
    return with_event(device, event, [&](Event& recorded) {
      device.streams.record(its, recorded);
      return cudaSuccess;
    });
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call("cudaEventQuery", Kind::plain, [&](Device& device) {
    return with_event(device, event, [&](Event& asked) {
      if (asked.last == nullptr) return cudaSuccess;
      if (!asked.last->done) return cudaErrorNotReady;
      device.streams.drain(asked.last);  // nothing is left to run: the host learns of it
      return device.lost;
    });
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call("cudaEventSynchronize", Kind::synchronizing, [&](Device& device) {
    return with_event(device, event, [&](Event& awaited) {
      if (awaited.last != nullptr) device.streams.drain(awaited.last);
      return device.lost;
    });
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  return call("cudaEventElapsedTime", Kind::plain, [&](Device& device) {
    const Event* first = device.event_of(begin);
    const Event* last = device.event_of(end);
    if (first == nullptr || last == nullptr || !first->timing || !last->timing || first->last == nullptr ||
        last->last == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    if (!first->last->done || !last->last->done) return cudaErrorNotReady;
    *milliseconds = static_cast<float>((last->last->time_us - first->last->time_us) / 1000);
    return cudaSuccess;
  });
}

// --- kernels and graphs

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return call("cudaFuncSetAttribute", Kind::plain, [&](Device& device) {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value > kSharedOnRequest)
      return cudaErrorInvalidValue;
    device.dynamic_shared_limits[function] = value;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  return call_on(stream, "cudaStreamBeginCapture", Kind::plain,
                 [](Device& device, Stream& its) { return device.streams.begin_capture(its); });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return call_on(stream, "cudaStreamEndCapture", Kind::plain, [&](Device& device, Stream& its) {
    std::shared_ptr<Graph> captured;
    const cudaError_t result = device.streams.end_capture(its, captured);
    *graph =
        captured == nullptr ? nullptr : static_cast<cudaGraph_t>(keep_graph(device, std::move(captured)));
    return result;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call_on(stream, "cudaStreamIsCapturing", Kind::plain, [&](Device&, Stream& its) {
    *status = its.capture == nullptr ? cudaStreamCaptureStatusNone
              : its.capture->spoilt  ? cudaStreamCaptureStatusInvalidated
                                     : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  return call("cudaGraphGetNodes", Kind::plain, [&](Device& device) {
    const std::shared_ptr<Graph> made = graph_of(device, graph);
    if (made == nullptr) return cudaErrorInvalidValue;
    for (std::size_t i = 0; nodes != nullptr && i < *count; ++i) {
      nodes[i] =
          i < made->nodes.size() ? reinterpret_cast<cudaGraphNode_t>(&made->nodes[i]) : cudaGraphNode_t{};
    }
    *count = nodes == nullptr ? made->nodes.size() : std::min(*count, made->nodes.size());
    return cudaSuccess;
  });
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  return call("cudaGraphNodeGetType", Kind::plain, [&](Device&) {
    *type = type_of(reinterpret_cast<const Graph::Node*>(node)->work);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return call("cudaGraphInstantiate", Kind::plain, [&](Device& device) {
    std::shared_ptr<Graph> made = graph_of(device, graph);
    if (made == nullptr) return cudaErrorInvalidValue;
    *exec = static_cast<cudaGraphExec_t>(keep_graph(device, std::move(made)));
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return call_on(stream, "cudaGraphLaunch", Kind::enqueuing, [&](Device& device, Stream& its) {
    const std::shared_ptr<Graph> graph = graph_of(device, exec);
    return graph == nullptr ? cudaErrorInvalidValue : device.launch_graph(graph, its);
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call("cudaGraphDestroy", Kind::plain, [&](Device& device) { return drop_graph(device, graph); });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return call("cudaGraphExecDestroy", Kind::plain, [&](Device& device) { return drop_graph(device, exec); });
}

// --- names

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define MILLRACE_NAME(name) \
  case name:                \
    return #name
    MILLRACE_NAME(cudaSuccess);
    MILLRACE_NAME(cudaErrorInvalidValue);
    MILLRACE_NAME(cudaErrorMemoryAllocation);
    MILLRACE_NAME(cudaErrorInitializationError);
    MILLRACE_NAME(cudaErrorInvalidConfiguration);
    MILLRACE_NAME(cudaErrorInsufficientDriver);
    MILLRACE_NAME(cudaErrorNoDevice);
    MILLRACE_NAME(cudaErrorInvalidDevice);
    MILLRACE_NAME(cudaErrorNoKernelImageForDevice);
    MILLRACE_NAME(cudaErrorSystemDriverMismatch);
    MILLRACE_NAME(cudaErrorNotSupported);
    MILLRACE_NAME(cudaErrorDevicesUnavailable);
    MILLRACE_NAME(cudaErrorInvalidResourceHandle);
    MILLRACE_NAME(cudaErrorIllegalState);
    MILLRACE_NAME(cudaErrorNotReady);
    MILLRACE_NAME(cudaErrorIllegalAddress);
    MILLRACE_NAME(cudaErrorLaunchOutOfResources);
    MILLRACE_NAME(cudaErrorMisalignedAddress);
    MILLRACE_NAME(cudaErrorLaunchFailure);
    MILLRACE_NAME(cudaErrorInvalidClusterSize);
    MILLRACE_NAME(cudaErrorStreamCaptureUnsupported);
    MILLRACE_NAME(cudaErrorStreamCaptureInvalidated);
    MILLRACE_NAME(cudaErrorStreamCaptureMerge);
    MILLRACE_NAME(cudaErrorStreamCaptureUnjoined);
    MILLRACE_NAME(cudaErrorStreamCaptureIsolation);
#undef MILLRACE_NAME
    default:
      return "cudaErrorUnknown";
  }
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorInitializationError:
      return "initialization error";
    case cudaErrorDevicesUnavailable:
      return "CUDA-capable device(s) is/are busy or unavailable";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorNoKernelImageForDevice:
      return "no kernel image is available for execution on the device";
    case cudaErrorSystemDriverMismatch:
      return "system has unsupported display driver / cuda driver combination";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorMisalignedAddress:
      return "misaligned address";
    case cudaErrorNotSupported:
      return "operation not supported";
    default:
      return "said by the emulated device";
  }
}

}  // extern "C"
