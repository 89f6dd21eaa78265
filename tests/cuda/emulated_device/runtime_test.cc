// The runtime calls themselves: what they refuse, count, time and inject.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "overlapped_scaling.h"
#include "planted_kernels.h"
#include "sample_kernels.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace {
namespace {

using emulated::EmulatedDevice;
using emulated::Failure;
using Kind = Failure::Kind;

std::optional<Kind> only_failure(EmulatedDevice& device) {
  const std::vector<Failure> failures = device.take_failures();
  EXPECT_EQ(failures.size(), 1U);
  return failures.empty() ? std::nullopt : std::optional(failures.front().kind);
}

TEST(EmulatedRuntime, IsAMachineWithoutADriverWhereNoDeviceExists) {
  int count = -1;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInsufficientDriver);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(EmulatedRuntime, FailsTheTestThatLeavesAFailureUntaken) {
  EXPECT_NONFATAL_FAILURE(
      {
        const EmulatedDevice device;
        static_cast<void>(cudaMemsetAsync(nullptr, 0, 4, nullptr));
      },
      "default_stream in cudaMemsetAsync");
}

TEST(EmulatedRuntime, RefusesACopyFromMemoryThatIsNotPinned) {
  EmulatedDevice device;
  const cuda::Stream stream;
  const cuda::DeviceBuffer<float> memory(4, stream.view());
  std::array<float, 4> pageable{};
  EXPECT_THROW(cuda::copy_async(memory.view(), std::span<float>(pageable), stream.view()), DeviceError);
  EXPECT_EQ(only_failure(device), Kind::unpinned_copy);
}

TEST(EmulatedRuntime, RefusesACopyToMemoryThatIsNotPinned) {
  EmulatedDevice device;
  const cuda::Stream stream;
  const cuda::DeviceBuffer<float> memory(4, stream.view());
  std::array<float, 4> pageable{};
  EXPECT_THROW(cuda::copy_async(std::span<float>(pageable), memory.view(), stream.view()), DeviceError);
  EXPECT_EQ(only_failure(device), Kind::unpinned_copy);
}

// `mistake(host, device, stream)` takes both buffers for 65 floats long.
struct Floats {
  std::size_t host;
  std::size_t device;
};

template <class Mistake>
void expect_out_of_bounds(const Floats& there_are, Mistake&& mistake) {
  EmulatedDevice device;
  const cuda::Stream stream;
  const cuda::PinnedBuffer<float> host(there_are.host);
  const cuda::DeviceBuffer<float> memory(there_are.device, stream.view());
  cuda::fill_zero_async(memory.view(), stream.view());
  mistake(std::span(host.data(), 65), std::span(memory.data(), 65), stream.view());
  EXPECT_THROW(stream.synchronize(), DeviceError);
  EXPECT_EQ(only_failure(device), Kind::out_of_bounds);
}

TEST(EmulatedRuntime, FindsACopyOrAFillThatReachesBeyondABuffer) {
  const auto to_device = [](std::span<float> host, std::span<float> memory, cudaStream_t stream) {
    cuda::copy_async(memory, host, stream);
  };
  const auto to_host = [](std::span<float> host, std::span<float> memory, cudaStream_t stream) {
    cuda::copy_async(host, memory, stream);
  };
  const auto fill = [](std::span<float>, std::span<float> memory, cudaStream_t stream) {
    cuda::fill_zero_async(memory, stream);
  };
  expect_out_of_bounds({.host = 65, .device = 64}, to_device);
  expect_out_of_bounds({.host = 64, .device = 65}, to_device);
  expect_out_of_bounds({.host = 65, .device = 64}, to_host);
  expect_out_of_bounds({.host = 64, .device = 65}, to_host);
  expect_out_of_bounds({.host = 65, .device = 64}, fill);
}

TEST(EmulatedRuntime, FindsMemoryUsedAfterItsReleaseInStreamOrder) {
  EmulatedDevice device;
  const cuda::Stream stream;
  std::optional<cuda::DeviceBuffer<float>> memory(std::in_place, 64, stream.view());
  const std::span<float> dangling = memory->view();
  cuda::fill_zero_async(dangling, stream.view());
  memory.reset();
  cuda::fill_zero_async(dangling, stream.view());
  EXPECT_THROW(stream.synchronize(), DeviceError);
  EXPECT_EQ(only_failure(device), Kind::use_after_free);
}

TEST(EmulatedRuntime, FindsMemoryUsedBeforeItsAllocationInStreamOrder) {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    EmulatedDevice device({.seed = seed});
    const cuda::Stream owner;
    const cuda::Stream other;
    const cuda::DeviceBuffer<float> memory(64, owner.view());
    cuda::fill_zero_async(memory.view(), other.view());
    static_cast<void>(cudaStreamSynchronize(other.view()));
    for (const Failure& failure : device.take_failures()) {
      EXPECT_EQ(failure.kind, Kind::use_after_free);
      ++found;
    }
  }
  EXPECT_GT(found, 5);
}

TEST(EmulatedRuntime, StaysLostAfterAKernelFailed) {
  EmulatedDevice device;
  {
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(256, stream.view());
    planted::traps(memory.view(), stream.view());
    EXPECT_THROW(stream.synchronize(), DeviceError);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure);
    EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure);
  }
  EXPECT_EQ(only_failure(device), Kind::trapped);
}

TEST(EmulatedRuntime, RunsOutOfMemoryAtItsSize) {
  const EmulatedDevice device({.memory_bytes = 1024});
  const cuda::Stream stream;
  const cuda::DeviceBuffer<std::byte> most(1000, stream.view());
  EXPECT_THROW(cuda::DeviceBuffer<std::byte>(25, stream.view()), DeviceError);
  EXPECT_NO_THROW(cuda::DeviceBuffer<std::byte>(24, stream.view()));
}

TEST(EmulatedRuntime, RefusesClustersBelowComputeCapability90) {
  const EmulatedDevice device({.compute_capability = 89});
  const cuda::Stream stream;
  const cuda::DeviceBuffer<float> memory(8, stream.view());
  EXPECT_THROW(samples::sum_by_cluster_async(memory.view(), memory.view(), stream.view()), DeviceError);
}

TEST(EmulatedRuntime, FailsAnyCallThatItIsToldToFail) {
  std::uint64_t calls = 0;
  {
    const EmulatedDevice device;
    EXPECT_EQ(overlapped_scaling(MissingWait::none), expected_scaling());
    calls = device.counters().calls;
  }
  ASSERT_GT(calls, 50U);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    EmulatedDevice device;
    device.fail_call("", nth, cudaErrorMemoryAllocation);
    try {
      // A call of a destructor is logged, and takes nothing from the numbers.
      EXPECT_EQ(overlapped_scaling(MissingWait::none), expected_scaling());
    } catch (const DeviceError& error) {
      EXPECT_NE(error.detail.find("cudaErrorMemoryAllocation (out of memory)"), std::string::npos)
          << error.detail;
      EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
      EXPECT_EQ(device.counters().live_allocations, 0U) << error.detail;
      EXPECT_EQ(device.counters().live_handles, 0U) << error.detail;
    }
    EXPECT_TRUE(device.take_failures().empty());
  }
}

TEST(EmulatedRuntime, FailsTheNthCallOfAName) {
  EmulatedDevice device;
  device.fail_call("cudaHostAlloc", 2, cudaErrorMemoryAllocation);
  const cuda::PinnedBuffer<float> first(1);
  EXPECT_THROW(cuda::PinnedBuffer<float>(1), DeviceError);
  EXPECT_NO_THROW(cuda::PinnedBuffer<float>(1));
  EXPECT_EQ(device.calls_of("cudaHostAlloc"), 3U);
}

TEST(EmulatedRuntime, CountsWhatASteadyStateMustNotDo) {
  const EmulatedDevice device;
  {
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(64, stream.view());
    cuda::fill_zero_async(memory.view(), stream.view());
    const cuda::GraphExec exec(cuda::capture(
        stream.view(), [&] { samples::scale_async(memory.view(), 1, 1, memory.view(), stream.view()); }));
    stream.synchronize();
    const emulated::Counters before = device.counters();
    for (int i = 0; i < 5; ++i) exec.launch_async(stream.view());
    const emulated::Counters enqueued = device.counters();
    EXPECT_EQ(enqueued.allocations, before.allocations);
    EXPECT_EQ(enqueued.synchronizing, before.synchronizing);
    EXPECT_EQ(enqueued.launches, before.launches + 5);
    stream.synchronize();
    EXPECT_EQ(device.counters().kernels_run, before.kernels_run + 5);
    EXPECT_EQ(device.counters().synchronizing, before.synchronizing + 1);
    EXPECT_EQ(device.counters().live_allocations, 1U);
  }
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(device.counters().live_allocations, 0U);
  EXPECT_EQ(device.counters().live_handles, 0U);
}

TEST(EmulatedRuntime, ShowsTheNodesOfACapturedGraph) {
  const EmulatedDevice device;
  const cuda::Stream stream;
  const cuda::DeviceBuffer<float> memory(64, stream.view());
  const cuda::Graph graph = cuda::capture(stream.view(), [&] {
    cuda::fill_zero_async(memory.view(), stream.view());
    samples::scale_async(memory.view(), 1, 1, memory.view(), stream.view());
  });
  std::size_t count = 0;
  ASSERT_EQ(cudaGraphGetNodes(graph.view(), nullptr, &count), cudaSuccess);
  ASSERT_EQ(count, 2U);
  std::array<cudaGraphNode_t, 3> nodes{};
  count = nodes.size();
  ASSERT_EQ(cudaGraphGetNodes(graph.view(), nodes.data(), &count), cudaSuccess);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(nodes[2], nullptr);
  std::array<cudaGraphNodeType, 2> types{};
  for (std::size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(cudaGraphNodeGetType(nodes[i], &types[i]), cudaSuccess);
  }
  EXPECT_EQ(types, (std::array{cudaGraphNodeTypeMemset, cudaGraphNodeTypeKernel}));
}

TEST(EmulatedRuntime, RefusesToWaitOrAllocateInsideACapture) {
  const EmulatedDevice device;
  const cuda::Stream stream;
  EXPECT_THROW(static_cast<void>(cuda::capture(stream.view(), [&] { stream.synchronize(); })), DeviceError);
  EXPECT_THROW(
      static_cast<void>(cuda::capture(stream.view(), [] { const cuda::PinnedBuffer<float> buffer(1); })),
      DeviceError);
  EXPECT_NO_THROW(stream.synchronize());
}

TEST(EmulatedRuntime, RefusesACaptureWhoseForkIsNotJoined) {
  const EmulatedDevice device;
  const cuda::Stream main;
  const cuda::Stream side;
  const cuda::Event forked;
  const cuda::DeviceBuffer<float> memory(64, main.view());
  EXPECT_THROW(static_cast<void>(cuda::capture(main.view(),
                                               [&] {
                                                 main.record_async(forked);
                                                 side.wait_for_async(forked);
                                                 cuda::fill_zero_async(memory.view(), side.view());
                                               })),
               DeviceError);
}

TEST(EmulatedRuntime, ShowsByItsClockThatCopiesAndComputingOverlap) {
  constexpr std::size_t kFloats = 1 << 18;
  const EmulatedDevice device;
  const auto run = [&](const cuda::Stream& copying, const cuda::Stream& computing) {
    const cuda::PinnedBuffer<float> host(kFloats);
    const cuda::DeviceBuffer<float> target(kFloats, copying.view());
    const cuda::DeviceBuffer<float> values(2048, computing.view());
    cuda::fill_zero_async(values.view(), computing.view());
    copying.synchronize();
    computing.synchronize();
    const cuda::Event begin(cuda::Event::Timing::on);
    const cuda::Event copied(cuda::Event::Timing::on);
    const cuda::Event computed(cuda::Event::Timing::on);
    copying.record_async(begin);
    cuda::copy_async(target.view(), host.view(), copying.view());
    copying.record_async(copied);
    for (int i = 0; i < 8; ++i) samples::scale_async(values.view(), 1, 1, values.view(), computing.view());
    computing.record_async(computed);
    copied.wait();
    computed.wait();
    return std::max(cuda::elapsed(begin, copied), cuda::elapsed(begin, computed));
  };
  const cuda::Stream one;
  const cuda::Stream two;
  const auto in_turn = run(one, one);
  const auto side_by_side = run(one, two);
  EXPECT_GT(side_by_side.count(), 0);
  EXPECT_LT(side_by_side.count(), 0.7F * in_turn.count());
}

TEST(EmulatedRuntime, SaysInEveryCallThatTheDriverIsTooOld) {
  const EmulatedDevice device({.driver_version = 12080});
  int value = -1;
  EXPECT_EQ(cudaDriverGetVersion(&value), cudaSuccess);
  EXPECT_EQ(value, 12080);
  EXPECT_EQ(cudaGetDeviceCount(&value), cudaErrorInsufficientDriver);
  EXPECT_EQ(value, 0);
  EXPECT_THROW(cuda::Stream(), DeviceError);
}

TEST(EmulatedRuntime, HasADriverAsNewAsTheRuntimeByDefault) {
  const EmulatedDevice device;
  int driver = 0;
  int runtime = 1;
  EXPECT_EQ(cudaDriverGetVersion(&driver), cudaSuccess);
  EXPECT_EQ(cudaRuntimeGetVersion(&runtime), cudaSuccess);
  EXPECT_EQ(driver, runtime);
}

TEST(EmulatedRuntime, SaysInEveryCallThatThereIsNoDevice) {
  const EmulatedDevice device({.device_count = 0});
  int count = -1;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(count, 0);
  EXPECT_THROW(cuda::Stream(), DeviceError);
}

TEST(EmulatedRuntime, SelectsADeviceForTheThreadThatAsks) {
  const EmulatedDevice device({.device_count = 2});
  EXPECT_EQ(cudaSetDevice(1), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
  int mine = -1;
  int others = -1;
  EXPECT_EQ(cudaGetDevice(&mine), cudaSuccess);
  std::thread([&] { static_cast<void>(cudaGetDevice(&others)); }).join();
  EXPECT_EQ(mine, 1);
  EXPECT_EQ(others, 0);
}

TEST(EmulatedRuntime, SaysTheSameOfItselfInAttributesAndProperties) {
  const EmulatedDevice device({.compute_capability = 86});
  const auto attribute = [](cudaDeviceAttr which) {
    int value = -1;
    EXPECT_EQ(cudaDeviceGetAttribute(&value, which, 0), cudaSuccess);
    return value;
  };
  cudaDeviceProp properties;
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_EQ(attribute(cudaDevAttrComputeCapabilityMajor), 8);
  EXPECT_EQ(attribute(cudaDevAttrComputeCapabilityMinor), properties.minor);
  EXPECT_EQ(attribute(cudaDevAttrMultiProcessorCount), properties.multiProcessorCount);
  EXPECT_EQ(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin),
            static_cast<int>(properties.sharedMemPerBlockOptin));
  EXPECT_EQ(attribute(cudaDevAttrL2CacheSize), properties.l2CacheSize);
  EXPECT_EQ(attribute(cudaDevAttrClusterLaunch), 0);
  int value = 0;
  EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 1), cudaErrorInvalidDevice);
}

TEST(EmulatedRuntime, TellsWhetherAStreamIsBeingCaptured) {
  const EmulatedDevice device;
  const cuda::Stream stream;
  const auto status = [&] {
    cudaStreamCaptureStatus result = cudaStreamCaptureStatusNone;
    EXPECT_EQ(cudaStreamIsCapturing(stream.view(), &result), cudaSuccess);
    return result;
  };
  EXPECT_EQ(status(), cudaStreamCaptureStatusNone);
  static_cast<void>(
      cuda::capture(stream.view(), [&] { EXPECT_EQ(status(), cudaStreamCaptureStatusActive); }));
  EXPECT_THROW(static_cast<void>(cuda::capture(stream.view(),
                                               [&] {
                                                 EXPECT_NE(cudaStreamSynchronize(stream.view()), cudaSuccess);
                                                 EXPECT_EQ(status(), cudaStreamCaptureStatusInvalidated);
                                               })),
               DeviceError);
  EXPECT_EQ(status(), cudaStreamCaptureStatusNone);
}

TEST(EmulatedRuntime, NamesTheErrorsThatAUserCanMeet) {
  for (const auto& [error, name, text] :
       std::initializer_list<std::tuple<cudaError_t, const char*, const char*>>{
           {cudaErrorDevicesUnavailable, "cudaErrorDevicesUnavailable",
            "CUDA-capable device(s) is/are busy or unavailable"},
           {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
           {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
           {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
           {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
           {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
            "CUDA driver version is insufficient for CUDA runtime version"},
           {cudaErrorSystemDriverMismatch, "cudaErrorSystemDriverMismatch",
            "system has unsupported display driver / cuda driver combination"},
           {cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice",
            "no kernel image is available for execution on the device"}}) {
    EXPECT_STREQ(cudaGetErrorName(error), name);
    EXPECT_STREQ(cudaGetErrorString(error), text);
  }
}

}  // namespace
}  // namespace millrace
