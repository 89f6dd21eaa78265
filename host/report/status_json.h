// What the live page polls: a run's status as one JSON object.
//
// A pure function of plain values. What is undefined or not finite is null; `schema_version` grows when a
// member changes its meaning or goes away, not when one is added. Bounded: curves have some hundred points,
// however long the run.
#pragma once

#include <string>

#include "report/run_status.h"

namespace millrace {

[[nodiscard]] std::string status_json(const RunStatus& status);

}  // namespace millrace
