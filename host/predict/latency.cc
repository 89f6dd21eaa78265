#include "predict/latency.h"

#include <algorithm>
#include <cmath>

namespace millrace {

std::size_t LatencyHistogram::bin_of(std::uint64_t value) {
  if (value < kBins) return static_cast<std::size_t>(value);
  const auto exponent = static_cast<std::uint64_t>(std::bit_width(value)) - 1 - kBinBits;
  return exponent * kBins + static_cast<std::size_t>(value >> exponent);
}

std::uint64_t LatencyHistogram::last_in(std::size_t bin) {
  if (bin < 2 * kBins) return bin;
  const std::uint64_t exponent = bin / kBins - 1;
  return ((bin % kBins + kBins + 1) << exponent) - 1;
}

void LatencyHistogram::add(std::chrono::microseconds latency, std::uint64_t count) {
  bins_[bin_of(static_cast<std::uint64_t>(std::max<std::int64_t>(0, latency.count())))] += count;
  count_ += count;
}

std::optional<std::chrono::microseconds> LatencyHistogram::quantile(double share) const {
  if (count_ == 0) return std::nullopt;
  const auto wanted = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1, count_);
  std::uint64_t passed = 0;
  std::size_t bin = 0;
  while ((passed += bins_[bin]) < wanted) ++bin;
  return std::chrono::microseconds(last_in(bin));
}

}  // namespace millrace
