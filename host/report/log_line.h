// Lines of the log for programs (--log-format json): one JSON object each, without a newline.
//
// Pure functions; any thread may call them. Every line has `time` (UTC, with milliseconds), `level` and
// `event`; the rest depends on the event: `message` of notes, warnings and failures, figures of progress.
// What is undefined is null.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "report/progress.h"

namespace millrace {

[[nodiscard]] std::string note_line(std::int64_t now_ms, std::string_view message);
[[nodiscard]] std::string warning_line(std::int64_t now_ms, std::string_view message);
[[nodiscard]] std::string failure_line(std::int64_t now_ms, std::string_view message, int exit_code);
// `event` is "progress", and "end" for the last one.
[[nodiscard]] std::string progress_line(std::int64_t now_ms, std::string_view event,
                                        const ProgressSample& sample);

[[nodiscard]] std::int64_t unix_milliseconds();

}  // namespace millrace
