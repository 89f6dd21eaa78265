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

}  // namespace millrace
