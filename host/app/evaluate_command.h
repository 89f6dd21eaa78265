// `millrace evaluate`.
#pragma once

#include "config/options.h"
#include "millrace/errors.h"

namespace millrace {

ExitCode run_evaluate(const OptionValues& options);

}  // namespace millrace
