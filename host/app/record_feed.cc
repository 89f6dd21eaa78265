#include "app/record_feed.h"

#include <numeric>
#include <utility>

#include "app/input_row_error.h"

namespace millrace {

RecordFeed::RecordFeed(std::istream& input, std::string name, FeedRules rules)
    : rules_(std::move(rules)),
      reader_(input, std::move(name)),
      maker_(rules_.record, at_header(reader_)),
      holds_(rules_.split || rules_.repeat > 1) {
  if (holds_) hold();
}

CsvReader& RecordFeed::at_header(CsvReader& reader) {
  if (!reader.next()) throw InputRowError(reader.name(), 1, "there is no header line");
  return reader;
}

void RecordFeed::hold() {
  while (reader_.next()) {
    const MadeRecord record = maker_.make(reader_);
    held_.push_back(
        {record.key ? std::optional<std::string>(*record.key) : std::nullopt, std::string(record.value)});
  }
  if (rules_.split) {
    order_ = split_rows(held_.size(), *rules_.split);
  } else {
    order_.resize(held_.size());
    std::iota(order_.begin(), order_.end(), std::uint64_t{0});
  }
}

void RecordFeed::run(const RecordSink& sink) {
  if (!holds_) {
    while (reader_.next()) sink(maker_.make(reader_));
    return;
  }
  for (std::uint64_t round = 0; round < rules_.repeat; ++round) {
    for (const std::uint64_t row : order_) sink({held_[row].key, held_[row].value});
  }
}

}  // namespace millrace
