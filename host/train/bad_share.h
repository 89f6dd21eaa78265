// How large a part of the newest records was bad, and the limit on it.
//
// The newest records are whole windows: as few as hold kNewest records, or all while there are fewer. Nothing
// is judged before kLeast records were read in this run. Tombstones are no records here. Owned by the
// trainer, which adds each window before it is trained.
#pragma once

#include <cstdint>
#include <deque>

#include "millrace/window.h"

namespace millrace {

class BadShare {
 public:
  static constexpr std::uint64_t kNewest = 10'000;
  static constexpr std::uint64_t kLeast = 1'000;

  // From 0 to 1; a share of 1 is never exceeded.
  explicit BadShare(double limit) : limit_(limit) {}

  // Throws BadShareError where the share of the newest records is above the limit with this window.
  void add(std::uint64_t records, const BadRecordCounts& bad);

 private:
  struct Window {
    std::uint64_t records = 0;
    BadRecordCounts bad{};
  };

  const double limit_;
  std::deque<Window> newest_;
  Window sum_;  // of newest_
};

}  // namespace millrace
