#include "millrace/philox.h"

#include <gtest/gtest.h>
#include <set>

namespace millrace {
namespace {

// The vectors published with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, GivesThePublishedBlocks) {
  struct Vector {
    PhiloxBlock counter;
    std::uint64_t key;
    PhiloxBlock expected;
  };
  const Vector vectors[] = {
      {{{0, 0, 0, 0}}, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
       0xffffffffffffffff,
       {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       0x299f31d0a4093822,
       {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const Vector& vector : vectors) {
    const PhiloxBlock block = philox4x32_10(vector.counter, vector.key);
    for (int word = 0; word < 4; ++word) EXPECT_EQ(block.word[word], vector.expected.word[word]);
  }
}

TEST(Philox, ShuffleKeysOfAWindowAreUnique) {
  std::set<std::uint64_t> keys;
  for (std::uint32_t row = 0; row < 10000; ++row) keys.insert(shuffle_key(1, 2, 3, row));
  EXPECT_EQ(keys.size(), 10000U);
}

}  // namespace
}  // namespace millrace
