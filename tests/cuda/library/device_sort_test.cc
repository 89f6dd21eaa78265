// The sort behind the shuffle, on any device: CUB's on a real one.
#include "cuda/library/device_sort.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "cuda/buffer.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "cuda/test_device.h"

namespace millrace::cuda {
namespace {

// Many equal high words, and low words that say where each key stood.
std::vector<std::uint64_t> some_keys(std::size_t count) {
  std::vector<std::uint64_t> keys(count);
  std::uint64_t state = count;
  for (std::size_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    keys[i] = (state >> 40U) % (count / 2 + 1) << 32U | i;
  }
  return keys;
}

class Sorting {
 public:
  explicit Sorting(std::size_t count)
      : host_(count),
        keys_(count, stream_.view()),
        sorted_(count, stream_.view()),
        workspace_(sort_workspace_bytes(count), stream_.view()) {}

  // Copies, sorts, copies back. May be captured.
  void run_async() const {
    copy_async(keys_.view(), host_.view(), stream_.view());
    sort_by_high_word_async(keys_.view(), sorted_.view(), workspace_.view(), stream_.view());
    copy_async(host_.view(), sorted_.view(), stream_.view());
  }

  void put(const std::vector<std::uint64_t>& keys) const { std::ranges::copy(keys, host_.data()); }
  [[nodiscard]] std::vector<std::uint64_t> result() const {
    stream_.synchronize();
    return {host_.view().begin(), host_.view().end()};
  }
  [[nodiscard]] const Stream& stream() const { return stream_; }

 private:
  Stream stream_;
  PinnedBuffer<std::uint64_t> host_;
  DeviceBuffer<std::uint64_t> keys_;
  DeviceBuffer<std::uint64_t> sorted_;
  DeviceBuffer<std::byte> workspace_;
};

class DeviceSort : public testing::TestWithParam<std::size_t> {
 protected:
  // Low words are unique, so an order by whole keys is the stable one by high words.
  [[nodiscard]] static std::vector<std::uint64_t> wanted() {
    std::vector<std::uint64_t> keys = some_keys(GetParam());
    std::ranges::sort(keys);
    return keys;
  }

  const test::TestDevice device_;
};

TEST_P(DeviceSort, OrdersByTheHighWordAndKeepsTheOrderOfEqualOnes) {
  const Sorting sorting(GetParam());
  sorting.put(some_keys(GetParam()));
  sorting.run_async();
  EXPECT_EQ(sorting.result(), wanted());
}

TEST_P(DeviceSort, GivesTheSameFromACapturedGraphEachTime) {
  const Sorting sorting(GetParam());
  sorting.put(some_keys(GetParam()));
  sorting.run_async();  // what is loaded lazily is loaded before the capture
  static_cast<void>(sorting.result());
  const GraphExec exec(capture(sorting.stream().view(), [&] { sorting.run_async(); }));
  for (int i = 0; i < 2; ++i) {
    sorting.put(some_keys(GetParam()));
    exec.launch_async(sorting.stream().view());
    EXPECT_EQ(sorting.result(), wanted());
  }
}

INSTANTIATE_TEST_SUITE_P(Counts, DeviceSort, testing::Values(1, 2, 31, 257, 4096, 100'000));

}  // namespace
}  // namespace millrace::cuda
