// How long predictions took, as quantiles of all of them.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace {

// A histogram whose bins are 1/64 of their value wide at most, from a microsecond to centuries: quantiles are
// at most that much too large. Adding costs a few instructions and no memory. One thread.
class LatencyHistogram {
 public:
  // Less than nothing (clocks differ) counts as nothing.
  void add(std::chrono::microseconds latency, std::uint64_t count = 1);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The least latency that `share` of all stayed within; nothing where none was added.
  [[nodiscard]] std::optional<std::chrono::microseconds> quantile(double share) const;

 private:
  // Values below 2 * kBins have a bin each; above, each power of two has kBins.
  static constexpr int kBinBits = 6;
  static constexpr std::uint64_t kBins = std::uint64_t{1} << kBinBits;
  [[nodiscard]] static std::size_t bin_of(std::uint64_t value);
  [[nodiscard]] static std::uint64_t last_in(std::size_t bin);

  std::array<std::uint64_t, (64 - kBinBits + 1) * kBins> bins_{};
  std::uint64_t count_ = 0;
};

}  // namespace millrace
