#include <string_view>

#include "millrace/window.h"

namespace millrace {

std::string_view name_of(BadRecordReason reason) {
  switch (reason) {
    case BadRecordReason::tombstone:
      return "tombstone";
    case BadRecordReason::column_count:
      return "column_count";
    case BadRecordReason::not_a_number:
      return "not_a_number";
    case BadRecordReason::not_finite:
      return "not_finite";
    case BadRecordReason::label_missing:
      return "label_missing";
    case BadRecordReason::label_invalid:
      return "label_invalid";
    case BadRecordReason::malformed:
      return "malformed";
    case BadRecordReason::too_large:
      return "too_large";
  }
  return "unknown";
}

std::string_view phrase_of(BadRecordReason reason) {
  switch (reason) {
    case BadRecordReason::tombstone:
      return "has no value";
    case BadRecordReason::column_count:
      return "has too few or too many fields";
    case BadRecordReason::not_a_number:
      return "holds a field that is not a number";
    case BadRecordReason::not_finite:
      return "holds a number that float32 cannot hold";
    case BadRecordReason::label_missing:
      return "has no label where --label says";
    case BadRecordReason::label_invalid:
      return "has a label that is not a number from 0 to 1";
    case BadRecordReason::malformed:
      return "is not of the format that --format says";
    case BadRecordReason::too_large:
      return "is larger than --max-record-bytes";
  }
  return "is bad";
}

}  // namespace millrace
