// The fingerprint of a record, by which a state knows its last record again.
#pragma once

#include "millrace/position.h"
#include "millrace/record.h"

namespace millrace {

// Any thread; allocates nothing.
[[nodiscard]] RecordFingerprint fingerprint_of(const RecordView& record);

}  // namespace millrace
