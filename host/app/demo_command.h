// `millrace demo`.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_demo(const OptionValues& options);

}  // namespace millrace
