// `millrace produce`.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_produce(const OptionValues& options);

}  // namespace millrace
