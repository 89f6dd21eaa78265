#include "cuda/kernels/shuffle_keys.h"

#include <vector>

#include "millrace/philox.h"

#include "kernel_test.h"

namespace millrace::cuda {
namespace {

TEST(ShuffleKeys, AreTheHostsOwn) {
  const ShuffleKey keys[] = {
      {0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0x0123456789abcdefU, 0xfedcba9876543210U, 0xffffffU}};
  for (const ShuffleKey& key : keys) {
    for (const std::uint32_t rows : {1U, 31U, 33U, 257U, 1030U}) {
      SCOPED_TRACE(std::to_string(rows) + " rows");
      std::vector<std::uint64_t> expected;
      for (std::uint32_t row = 0; row < rows; ++row) {
        expected.push_back(shuffle_key(key.seed, key.window, key.epoch, row));
      }
      under_each_seed([&](const Stream& stream) {
        const OnDevice<std::uint64_t> device(rows, stream);
        shuffle_keys_async(key, device.view(), stream.view());
        EXPECT_EQ(device.fetch(), expected);
      });
    }
  }
}

}  // namespace
}  // namespace millrace::cuda
