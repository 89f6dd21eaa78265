#include "engine/partition.h"

#include <gtest/gtest.h>
#include <vector>

#include "engine/parameter_arrays.h"

namespace millrace {
namespace {

using enum Split;

TEST(Partition, OneThreadDividesNothing) {
  EXPECT_EQ(best_splits({{9, 128, 256, 128, 1}}, 1), (std::vector{whole, whole, whole, whole}));
}

TEST(Partition, TwoThreadsDivideTheWideLayersAndRepeatTheSmallOnes) {
  EXPECT_EQ(best_splits({{9, 128, 256, 128, 1}}, 2), (std::vector{whole, columns, rows, whole}));
}

TEST(Partition, ASmallNetworkIsNotWorthAMeeting) {
  EXPECT_EQ(best_splits({{9, 33, 17, 1}}, 2), (std::vector{whole, whole, whole}));
}

TEST(Partition, ALargeLayerBeforeTheLastIsDividedToo) {
  EXPECT_EQ(best_splits({{9, 2048, 1}}, 2), (std::vector{columns, rows}));
}

TEST(Partition, EveryParameterIsUpdatedByOneThread) {
  for (const std::vector<std::uint32_t>& widths :
       {std::vector<std::uint32_t>{9, 128, 256, 128, 1}, {5, 1}, {9, 2048, 1}, {300, 33, 700, 65, 512, 1}}) {
    const ParameterArrays arrays({widths}, nullptr);
    for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
      const std::vector<Split> splits = best_splits({widths}, threads);
      std::vector<int> updates(arrays.size());
      for (std::size_t thread = 0; thread < threads; ++thread) {
        const std::vector<LayerShare> shares = shares_of({widths}, splits, thread, threads);
        for (std::size_t layer = 0; layer < shares.size(); ++layer) {
          const LayerShare& share = shares[layer];
          for (std::size_t block = share.update_blocks.begin; block < share.update_blocks.end; ++block) {
            const std::size_t end = arrays.at(layer, block, share.update_rows.end);
            for (std::size_t i = arrays.at(layer, block, share.update_rows.begin); i < end; ++i) ++updates[i];
          }
        }
      }
      for (std::size_t layer = 0; layer + 1 < widths.size(); ++layer) {
        for (std::size_t block = 0; block < blocks_of(widths[layer + 1]); ++block) {
          for (std::size_t row = 0; row <= widths[layer]; ++row) {
            ASSERT_EQ(updates[arrays.at(layer, block, row)], 1) << threads << ' ' << layer << ' ' << row;
          }
        }
      }
    }
  }
}

TEST(Partition, ALayerInRowsTakesWhatTheSameThreadGaveInColumns) {
  const NetworkShape shape = {{9, 128, 250, 128, 1}};
  std::size_t inputs = 0;
  for (std::size_t thread = 0; thread < 3; ++thread) {
    const auto shares = shares_of(shape, {whole, columns, rows, whole}, thread, 3);
    EXPECT_EQ(shares[2].inputs.begin, shares[1].blocks.begin * kBlock);
    inputs += shares[2].inputs.size();
  }
  EXPECT_EQ(inputs, 250U);
}

}  // namespace
}  // namespace millrace
