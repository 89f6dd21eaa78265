#include "app/record_packer.h"

#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/errors.h"

namespace millrace {
namespace {

DecoderSettings settings_for(std::size_t fields, bool labelled) {
  if (fields <= (labelled ? 1U : 0U)) {
    throw OptionError(OptionError::Kind::conflict, "--format", "packed", "no column is left for features");
  }
  DecoderSettings settings{.features = static_cast<std::uint32_t>(fields - (labelled ? 1 : 0)),
                           .max_record_bytes = std::numeric_limits<std::size_t>::max()};
  settings.label.from = labelled ? LabelRule::From::column : LabelRule::From::none;
  if (labelled) settings.label.name = std::to_string(fields);
  return settings;
}

}  // namespace

RecordPacker::RecordPacker(std::size_t fields, bool labelled, std::uint32_t rows_per_record, RecordSink sink)
    : decoder_(settings_for(fields, labelled)),
      rows_per_record_(rows_per_record),
      sink_(std::move(sink)),
      writer_(decoder_.features(), labelled),
      numbers_(decoder_.features()) {}

void RecordPacker::add(const MadeRecord& row) {
  const RecordView record{.value = row.value, .has_value = true};
  DecodeOutcome outcome;
  float label = 0;
  decoder_.decode({&record, 1}, 0, numbers_.data(), &label, {&outcome, 1});
  if (!outcome.good) throw std::invalid_argument("a row to pack that holds other things than numbers");
  writer_.add(numbers_, label);
  if (writer_.rows() == rows_per_record_) flush();
}

void RecordPacker::flush() {
  if (writer_.rows() > 0) sink_({.key = {}, .value = writer_.take()});
}

}  // namespace millrace
