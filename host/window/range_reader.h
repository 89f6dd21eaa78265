// Windows again, from the ranges that a journal names: reads exactly these records, whatever else there is.
//
// Owned by who replays. One thread calls everything, and works the source. Invariants: (1) rows stand in the
// slot's order as the Assembler put them, so the same log gives the same window; (2) no record is taken that
// does not belong to a range.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "millrace/decoder.h"
#include "millrace/position.h"
#include "millrace/record.h"

#include "window/window_builder.h"
#include "window/window_slot.h"

namespace millrace {

class RangeReader {
 public:
  enum class Outcome {
    whole,    // as many records as the ranges tell of
    fewer,    // some were not there; the source may stand beyond a range's end, and must not be read further
    stopped,  // the stop came first
  };

  // `starts` [partitions]: where the source begins. A partition whose log ends before a range does is waited
  // for as long as `patience`: a cluster that just started may not know better yet.
  RangeReader(RecordSource& source, const Decoder& decoder, unsigned threads, std::uint32_t window_rows,
              WindowBuilder::Fingerprint fingerprint, std::vector<Position> starts,
              std::chrono::milliseconds patience);

  // Fills the slot. Ranges ascend by partition, and begin where the last ones of their partition ended.
  // Errors: those of the source and of the decoder.
  Outcome read(std::span<const PartitionRange> ranges, WindowSlot& slot, const std::stop_token& stop);

 private:
  Outcome read_range(const PartitionRange& range, const WindowSlot& slot, const std::stop_token& stop);

  RecordSource& source_;
  const std::chrono::milliseconds patience_;
  WindowBuilder builder_;
};

}  // namespace millrace
