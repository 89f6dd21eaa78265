// `millrace bench STAGE`: how fast a stage of the program runs here, beside the bound that it runs against.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_bench(const OptionValues& options);

}  // namespace millrace
