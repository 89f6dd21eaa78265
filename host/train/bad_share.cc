#include "train/bad_share.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "millrace/errors.h"

namespace millrace {

void BadShare::add(std::uint64_t records, const BadRecordCounts& bad) {
  if (limit_ >= 1 || records == 0) return;
  std::uint64_t& tombstones = newest_.emplace_back(records, bad).bad[std::size_t(BadRecordReason::tombstone)];
  newest_.back().records -= tombstones;
  tombstones = 0;
  sum_.records += newest_.back().records;
  add_to(sum_.bad, newest_.back().bad);
  while (sum_.records - newest_.front().records >= kNewest) {
    const Window& oldest = newest_.front();
    sum_.records -= oldest.records;
    for (std::size_t reason = 0; reason < kBadRecordReasons; ++reason) sum_.bad[reason] -= oldest.bad[reason];
    newest_.pop_front();
  }
  if (sum_.records < kLeast) return;
  const std::uint64_t all_bad = std::accumulate(sum_.bad.begin(), sum_.bad.end(), std::uint64_t{0});
  if (static_cast<double>(all_bad) <= limit_ * static_cast<double>(sum_.records)) return;
  const auto most_frequent = std::max_element(sum_.bad.begin(), sum_.bad.end()) - sum_.bad.begin();
  throw BadShareError(all_bad, sum_.records, limit_,
                      std::string(name_of(static_cast<BadRecordReason>(most_frequent))));
}

}  // namespace millrace
