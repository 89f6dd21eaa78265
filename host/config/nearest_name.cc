#include "config/nearest_name.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace millrace {

namespace {

bool same_letter(char first, char second) {
  return std::tolower(static_cast<unsigned char>(first)) == std::tolower(static_cast<unsigned char>(second));
}

}  // namespace

std::size_t spelling_distance(std::string_view first, std::string_view second) {
  // row[j]: the distance from the letters of `first` taken so far to the first j letters of `second`.
  std::vector<std::size_t> before_last(second.size() + 1);
  std::vector<std::size_t> last(second.size() + 1);
  std::vector<std::size_t> row(second.size() + 1);
  for (std::size_t j = 0; j <= second.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= first.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= second.size(); ++j) {
      const std::size_t replace = last[j - 1] + (same_letter(first[i - 1], second[j - 1]) ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && same_letter(first[i - 1], second[j - 2]) &&
          same_letter(first[i - 2], second[j - 1])) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[second.size()];
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates,
                         std::string_view prefix) {
  // A third of the letters may be wrong: enough for slips, too few to turn one word into another.
  constexpr std::size_t kLettersPerSlip = 3;
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  std::string nearest;
  std::size_t nearest_distance = 0;
  for (const std::string& candidate : candidates) {
    const std::string_view known = std::string_view(candidate).substr(prefix.size());
    const std::size_t distance = spelling_distance(name, known);
    if (distance * kLettersPerSlip > std::max(name.size(), known.size())) continue;
    if (nearest.empty() || distance < nearest_distance) {
      nearest = candidate;
      nearest_distance = distance;
    }
  }
  return nearest;
}

}  // namespace millrace
