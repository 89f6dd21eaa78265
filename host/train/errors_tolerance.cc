#include "train/errors_tolerance.h"

#include "millrace/errors.h"

namespace millrace {

void refuse_bad_records(const WindowSlot& slot, ErrorsTolerance tolerance,
                        std::span<const TopicPartition> partitions, const Decoder& decoder) {
  if (tolerance == ErrorsTolerance::all || !slot.first_bad) return;
  const BadRecord& bad = *slot.first_bad;
  throw BadRecordError(partitions[bad.partition], bad.offset, std::string(name_of(bad.reason)),
                       decoder.field_name(bad.field), bad.row);
}

}  // namespace millrace
