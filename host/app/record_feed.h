// The rows of one CSV input, as records in the order in which they are to be sent.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "app/csv_reader.h"
#include "app/record_maker.h"
#include "app/row_split.h"

namespace millrace {

struct FeedRules {
  RecordRules record;
  std::optional<SplitRule> split;
  std::uint64_t repeat = 1;
};

using RecordSink = std::function<void(const MadeRecord&)>;

// Rows go through as they are read; only for a split or a repetition all are held in memory. What can be
// known before the first record is sent is checked when this is made: the header, and every row that is held.
//
// `name` stands for the input in errors. The stream must outlive this. One thread.
// Errors: InputRowError, OptionError.
class RecordFeed {
 public:
  RecordFeed(std::istream& input, std::string name, FeedRules rules);

  // Gives every record to the sink, and lets through what the sink throws. Once.
  void run(const RecordSink& sink);

  // Of each record's value.
  [[nodiscard]] std::size_t fields() const { return maker_.fields(); }

 private:
  struct HeldRecord {
    std::optional<std::string> key;
    std::string value;
  };
  // The reader, moved to the header.
  static CsvReader& at_header(CsvReader& reader);
  void hold();

  const FeedRules rules_;
  CsvReader reader_;
  RecordMaker maker_;
  const bool holds_;
  std::vector<HeldRecord> held_;      // in the order of the input
  std::vector<std::uint64_t> order_;  // in which those are sent
};

}  // namespace millrace
