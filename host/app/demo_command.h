// `millrace demo`.
#pragma once

#include "config/options.h"
#include "millrace/errors.h"

namespace millrace {

ExitCode run_demo(const OptionValues& options);

}  // namespace millrace
