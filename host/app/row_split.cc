#include "app/row_split.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <utility>

#include "millrace/philox.h"

namespace millrace {

namespace {

std::uint32_t random_word(std::uint64_t seed, std::uint64_t row) {
  const std::uint64_t block = row / 4;
  const PhiloxBlock random =
      philox4x32_10({{static_cast<std::uint32_t>(block), in_stream(PhiloxStream::split, 0),
                      static_cast<std::uint32_t>(block >> 32), 0}},
                    seed);
  return random.word[row % 4];
}

}  // namespace

std::uint64_t test_rows(std::uint64_t rows, double test_share) {
  // 0.07 · 100 is 7.000000000000001 in binary: a share is meant to about 15 digits.
  constexpr double kMeantExactly = 1 - 1e-15;
  const double share = static_cast<double>(rows) * test_share;
  return std::min(rows, static_cast<std::uint64_t>(std::ceil(share * kMeantExactly)));
}

std::vector<std::uint64_t> split_rows(std::uint64_t rows, const SplitRule& rule) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> order;
  order.reserve(rows);
  for (std::uint64_t row = 0; row < rows; ++row) order.emplace_back(random_word(rule.seed, row), row);
  std::ranges::sort(order);
  const auto boundary = order.begin() + static_cast<std::ptrdiff_t>(test_rows(rows, rule.test_share));
  const auto begin = rule.part == SplitPart::test ? order.begin() : boundary;
  const auto end = rule.part == SplitPart::test ? boundary : order.end();
  std::vector<std::uint64_t> part;
  part.reserve(static_cast<std::size_t>(end - begin));
  std::transform(begin, end, std::back_inserter(part), [](const auto& entry) { return entry.second; });
  return part;
}

}  // namespace millrace
