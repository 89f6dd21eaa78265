// What owners hold and release, counted by the emulated device.

#include <gtest/gtest.h>
#include <utility>

#include "cuda/buffer.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "support/emulated_device/emulated_device.h"

namespace millrace::cuda {
namespace {

TEST(Owners, ReleaseWhatTheyOwnOnceHoweverOftenTheyAreMoved) {
  const emulated::EmulatedDevice device;
  {
    Stream stream;
    Stream moved_stream(std::move(stream));
    Stream assigned_stream;
    assigned_stream = std::move(moved_stream);
    Event event(Event::Timing::on);
    Event moved_event(std::move(event));
    DeviceBuffer<int> memory(3, assigned_stream.view());
    DeviceBuffer<int> moved_memory(std::move(memory));
    PinnedBuffer<int> host(3);
    PinnedBuffer<int> other_host(5);
    other_host = std::move(host);
    EXPECT_EQ(other_host.size(), 3U);
    Graph graph = capture(assigned_stream.view(),
                          [&] { fill_zero_async(moved_memory.view(), assigned_stream.view()); });
    GraphExec exec(graph);
    GraphExec moved_exec(std::move(exec));
    moved_exec.launch_async(assigned_stream.view());
    assigned_stream.synchronize();
    EXPECT_EQ(device.counters().live_allocations, 3U);
  }
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(device.counters().live_allocations, 0U);
  EXPECT_EQ(device.counters().live_handles, 0U);
}

TEST(Owners, HoldNoMemoryWhereTheyAreEmpty) {
  const emulated::EmulatedDevice device;
  const Stream stream;
  const DeviceBuffer<float> memory(0, stream.view());
  const PinnedBuffer<float> host(0);
  EXPECT_NO_THROW(copy_async(memory.view(), host.view(), stream.view()));
  EXPECT_EQ(device.counters().allocations, 0U);
}

}  // namespace
}  // namespace millrace::cuda
