// What a prediction looks like, as the value of a record or as a line.
//
//   json  {"probability":0.9731,"class":1,"model":"42-0123456789abcdef"} {"bad":"not_a_number","field":"age"}
//   csv   0.9731,1,42-0123456789abcdef                                     bad,not_a_number,age
//
// The probability is that of class 1, in the fewest digits that give its float32 back; the class is 1 from
// 0.5 on. `field` is null, or empty, where none in particular is bad. Pure functions; any thread.
#pragma once

#include <fmt/format.h>
#include <string>
#include <string_view>

#include "millrace/window.h"

namespace millrace {

enum class PredictionFormat { json, csv };

// Appended, without a line end.
void append_prediction(fmt::memory_buffer& text, PredictionFormat format, float probability,
                       std::string_view model_version);
void append_bad_row(fmt::memory_buffer& text, PredictionFormat format, BadRecordReason reason,
                    const std::string& field);

}  // namespace millrace
