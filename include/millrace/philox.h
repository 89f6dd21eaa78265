// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw (2011), "Parallel random
// numbers: as easy as 1, 2, 3". One implementation for host and device, so that every engine draws the same.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define MILLRACE_HOST_DEVICE __host__ __device__
#else
#define MILLRACE_HOST_DEVICE
#endif

namespace millrace {

struct PhiloxBlock {
  std::uint32_t word[4];
};

// Encrypts a 128-bit counter under a 64-bit key.
MILLRACE_HOST_DEVICE constexpr PhiloxBlock philox4x32_10(PhiloxBlock counter, std::uint64_t key) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
  constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9;  // golden ratio
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85;  // sqrt(3) - 1
  auto key0 = static_cast<std::uint32_t>(key);
  auto key1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter.word[0];
    const std::uint64_t product1 = kMultiplier1 * counter.word[2];
    counter = {{static_cast<std::uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0,
                static_cast<std::uint32_t>(product1),
                static_cast<std::uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1,
                static_cast<std::uint32_t>(product0)}};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return counter;
}

// What a draw is for. The stream stands in the top byte of counter word 1, so streams of one seed never meet.
enum class PhiloxStream : std::uint32_t { shuffle = 0, initial_weights = 1, split = 2 };

MILLRACE_HOST_DEVICE constexpr std::uint32_t in_stream(PhiloxStream stream, std::uint32_t low24) {
  return static_cast<std::uint32_t>(stream) << 24 | low24;
}

// The 64-bit sort key of row `row` of a window in one epoch: a random word above, the row below. Keys are
// unique, so every sort gives the same permutation.
MILLRACE_HOST_DEVICE constexpr std::uint64_t shuffle_key(std::uint64_t seed, std::uint64_t window,
                                                         std::uint32_t epoch, std::uint32_t row) {
  const PhiloxBlock random =
      philox4x32_10({{row / 4, in_stream(PhiloxStream::shuffle, epoch), static_cast<std::uint32_t>(window),
                      static_cast<std::uint32_t>(window >> 32)}},
                    seed);
  return std::uint64_t{random.word[row % 4]} << 32 | row;
}

}  // namespace millrace
