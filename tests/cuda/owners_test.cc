// Owners of streams, events, buffers and graphs, on any device.

#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <type_traits>

#include "millrace/errors.h"

#include "cuda/buffer.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "cuda/test_device.h"

namespace millrace::cuda {
namespace {

static_assert(!std::is_copy_constructible_v<Stream> && std::is_nothrow_move_constructible_v<Stream>);
static_assert(!std::is_copy_constructible_v<Event> && std::is_nothrow_move_constructible_v<Event>);
static_assert(!std::is_copy_constructible_v<DeviceBuffer<float>> &&
              !std::is_default_constructible_v<DeviceBuffer<float>>);
static_assert(!std::is_copy_constructible_v<PinnedBuffer<float>> &&
              !std::is_default_constructible_v<PinnedBuffer<float>>);
static_assert(!std::is_copy_constructible_v<Graph> && !std::is_copy_constructible_v<GraphExec>);

TEST(Owners, AlignDeviceMemoryTo256BytesAndPinnedMemoryTo64) {
  const test::TestDevice device;
  const Stream stream;
  for (const std::size_t bytes : {1U, 63U, 257U}) {
    const DeviceBuffer<std::byte> memory(bytes, stream.view());
    const PinnedBuffer<std::byte> host(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % 256, 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(host.data()) % 64, 0U);
  }
}

TEST(Owners, CopyThereAndBack) {
  const test::TestDevice device;
  const Stream stream;
  const PinnedBuffer<int> host(3);
  const PinnedBuffer<int> back(3);
  const DeviceBuffer<int> memory(3, stream.view());
  for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<int>(i) + 7;
  copy_async(memory.view(), host.view(), stream.view());
  copy_async(back.view(), memory.view(), stream.view());
  const Event done;
  stream.record_async(done);
  done.wait();
  EXPECT_TRUE(done.done());
  EXPECT_EQ((std::array{back[0], back[1], back[2]}), (std::array{7, 8, 9}));
  EXPECT_THROW(copy_async(back.view().first(2), memory.view(), stream.view()), DeviceError);
}

TEST(Owners, LeaveTheStreamUsableWhenACaptureFails) {
  const test::TestDevice device;
  const Stream stream;
  EXPECT_THROW(static_cast<void>(capture(stream.view(), []() -> void { throw DeviceError("planned"); })),
               DeviceError);
  EXPECT_NO_THROW(stream.synchronize());
}

}  // namespace
}  // namespace millrace::cuda
