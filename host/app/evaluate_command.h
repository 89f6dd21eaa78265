// `millrace evaluate`.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_evaluate(const OptionValues& options);

}  // namespace millrace
