// Many rows of CSV text to one packed record (decode/packed_decoder.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "app/record_feed.h"
#include "decode/csv_decoder.h"
#include "decode/packed_writer.h"

namespace millrace {

// One thread. Lets through what the sink throws.
class RecordPacker {
 public:
  // Values that come have `fields` fields: the features, and after them the label where there is one.
  RecordPacker(std::size_t fields, bool labelled, std::uint32_t rows_per_record, RecordSink sink);

  // A row of numbers (RecordRules::numbers_only). Gives the sink a record, without key, when it is full.
  void add(const MadeRecord& row);
  // What is left, as a shorter record.
  void flush();

 private:
  // Constant after construction.
  const CsvDecoder decoder_;
  const std::uint32_t rows_per_record_;
  const RecordSink sink_;

  PackedWriter writer_;
  std::vector<float> numbers_;  // of one row
};

}  // namespace millrace
