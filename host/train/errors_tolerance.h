// What a bad record does to a run: nothing but a count, or its end. The words are Kafka Connect's.
#pragma once

#include <span>

#include "millrace/decoder.h"
#include "millrace/position.h"

#include "window/window_slot.h"

namespace millrace {

enum class ErrorsTolerance { none, all };

// Throws BadRecordError for the slot's first bad record where none is tolerated. Tombstones are no errors.
void refuse_bad_records(const WindowSlot& slot, ErrorsTolerance tolerance,
                        std::span<const TopicPartition> partitions, const Decoder& decoder);

}  // namespace millrace
