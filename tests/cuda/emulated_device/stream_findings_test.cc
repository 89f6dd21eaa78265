// Mistakes between streams, in global memory, found under every seed because accesses are observed and their
// order known.

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <optional>
#include <span>
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

using emulated::Failure;
using Kind = Failure::Kind;

constexpr std::uint64_t kSeeds = 50;

// The kinds of failure that `body` leads to, seed by seed; a call that fails ends it.
template <class Body>
std::vector<Kind> kinds_by_seed(Body&& body) {
  std::vector<Kind> kinds;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    emulated::EmulatedDevice device({.seed = seed, .check_accesses = true});
    try {
      body();
    } catch (const DeviceError&) {  // the device is lost, and the failure says why
    }
    for (const Failure& failure : device.take_failures()) kinds.push_back(failure.kind);
  }
  return kinds;
}

TEST(StreamFindings, AMissingWaitForTheComputingIsFoundUnderEverySeed) {
  const auto kinds = kinds_by_seed([] { overlapped_scaling(MissingWait::copy_for_compute).clear(); });
  EXPECT_EQ(kinds, std::vector(kSeeds, Kind::stream_race));
}

TEST(StreamFindings, AMissingWaitForTheCopyIsFoundUnderEverySeed) {
  const auto kinds = kinds_by_seed([] { overlapped_scaling(MissingWait::compute_for_copy).clear(); });
  EXPECT_EQ(kinds.size(), kSeeds);
  for (const Kind kind : kinds) {
    // Computing came first, or second.
    EXPECT_TRUE(kind == Kind::never_written || kind == Kind::stream_race) << name_of(kind);
  }
}

TEST(StreamFindings, AWriterMustWaitForBothOfTwoReaders) {
  const auto kinds = kinds_by_seed([] {
    const cuda::Stream writing;
    const cuda::Stream reading;
    const cuda::Stream other;
    const cuda::DeviceBuffer<float> memory(64, writing.view());
    const cuda::DeviceBuffer<float> a(64, writing.view());
    const cuda::DeviceBuffer<float> b(64, writing.view());
    const cuda::Event written;
    const cuda::Event read;
    cuda::fill_zero_async(memory.view(), writing.view());
    writing.record_async(written);
    reading.wait_for_async(written);
    other.wait_for_async(written);
    samples::scale_async(memory.view(), 1, 0, a.view(), reading.view());
    samples::scale_async(memory.view(), 1, 0, b.view(), other.view());
    reading.record_async(read);
    writing.wait_for_async(read);
    cuda::fill_zero_async(memory.view(), writing.view());
    reading.synchronize();
    other.synchronize();
    writing.synchronize();
  });
  EXPECT_EQ(kinds, std::vector(kSeeds, Kind::stream_race));
}

TEST(StreamFindings, AMissingWaitInsideAGraphIsFoundUnderEverySeed) {
  const auto kinds = kinds_by_seed([] {
    const cuda::Stream main;
    const cuda::Stream side;
    const cuda::DeviceBuffer<float> memory(64, main.view());
    const cuda::DeviceBuffer<float> sum(1, main.view());
    const cuda::Event forked;
    const cuda::Event joined;
    cuda::fill_zero_async(memory.view(), main.view());
    const cuda::GraphExec exec(cuda::capture(main.view(), [&] {
      main.record_async(forked);
      side.wait_for_async(forked);
      samples::scale_async(memory.view(), 1, 1, memory.view(), side.view());
      side.record_async(joined);
      samples::sum_rows_async(memory.view(), 64, sum.view(), main.view());
      main.wait_for_async(joined);  // one line late
    }));
    exec.launch_async(main.view());
    main.synchronize();
  });
  EXPECT_EQ(kinds, std::vector(kSeeds, Kind::stream_race));
}

TEST(StreamFindings, AnEventThatTheHostFoundDoneOrdersWhatItEnqueuesNext) {
  const auto kinds = kinds_by_seed([] {
    const cuda::Stream writing;
    const cuda::Stream reading;
    const cuda::DeviceBuffer<float> memory(64, writing.view());
    const cuda::DeviceBuffer<float> result(64, reading.view());
    const cuda::Event written;
    cuda::fill_zero_async(memory.view(), writing.view());
    writing.record_async(written);
    while (!written.done()) {
    }
    samples::scale_async(memory.view(), 1, 0, result.view(), reading.view());
    reading.synchronize();
  });
  EXPECT_TRUE(kinds.empty());
}

TEST(StreamFindings, AKernelThatReadsWhatNothingWroteIsFound) {
  const auto kinds = kinds_by_seed([] {
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(64, stream.view());
    const cuda::DeviceBuffer<float> result(64, stream.view());
    samples::scale_async(memory.view(), 1, 0, result.view(), stream.view());
    stream.synchronize();
  });
  EXPECT_EQ(kinds, std::vector(kSeeds, Kind::never_written));
}

TEST(StreamFindings, AnAccessBeyondABufferIsNamedWithThreadByteAndBuffer) {
  emulated::EmulatedDevice device({.check_accesses = true});
  {
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(256, stream.view());
    planted::writes_past_the_end(memory.view(), stream.view());
    EXPECT_THROW(stream.synchronize(), DeviceError);
  }
  const std::vector<Failure> failures = device.take_failures();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].block.x, 3U);
  EXPECT_EQ(failures[0].thread.x, 63U);
  EXPECT_EQ(failures[0].sentence(),
            "out_of_bounds in millrace::planted::past_the_end_kernel, block (3,0,0), thread (63,0,0): "
            "4 bytes at byte 1024 of device buffer 1 (1024 bytes)");
}

TEST(StreamFindings, AKernelThatUsesMemoryAfterItsReleaseIsFound) {
  const auto kinds = kinds_by_seed([] {
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> result(64, stream.view());
    std::optional<cuda::DeviceBuffer<float>> memory(std::in_place, 64, stream.view());
    const std::span<float> dangling = memory->view();
    cuda::fill_zero_async(dangling, stream.view());
    memory.reset();
    samples::scale_async(dangling, 1, 0, result.view(), stream.view());
    stream.synchronize();
  });
  EXPECT_EQ(kinds, std::vector(kSeeds, Kind::use_after_free));
}

TEST(StreamFindings, AKernelThatReadsPastAPinnedBufferIsFound) {
  const auto kinds = kinds_by_seed([] {
    const cuda::Stream stream;
    const cuda::PinnedBuffer<float> host(64);
    const cuda::DeviceBuffer<float> result(65, stream.view());
    std::fill(host.view().begin(), host.view().end(), 0.0F);
    samples::scale_async(host.view(), 1, 0, result.view(), stream.view());
    stream.synchronize();
  });
  EXPECT_EQ(kinds, std::vector(kSeeds, Kind::out_of_bounds));
}

TEST(StreamFindings, AWriteAndAFillThatNothingOrdersAreFound) {
  const auto kinds = kinds_by_seed([] {
    const cuda::Stream one;
    const cuda::Stream other;
    const cuda::DeviceBuffer<float> memory(64, one.view());
    one.synchronize();
    cuda::fill_zero_async(memory.view(), one.view());
    cuda::fill_zero_async(memory.view(), other.view());
    other.synchronize();
    one.synchronize();
  });
  EXPECT_EQ(kinds, std::vector(kSeeds, Kind::stream_race));
}

TEST(StreamFindings, ACopyOfWhatAKernelLeftUnwrittenIsFound) {
  const auto kinds = kinds_by_seed([] {
    const cuda::Stream stream;
    const cuda::DeviceBuffer<float> memory(64, stream.view());
    const cuda::PinnedBuffer<float> host(64);
    cuda::fill_zero_async(memory.view().first(63), stream.view());
    cuda::copy_async(host.view(), memory.view(), stream.view());
    stream.synchronize();
  });
  EXPECT_EQ(kinds, std::vector(kSeeds, Kind::never_written));
}

}  // namespace
}  // namespace millrace
