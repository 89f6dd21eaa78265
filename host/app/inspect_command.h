// `millrace inspect`.
#pragma once

#include "config/options.h"
#include "millrace/errors.h"

namespace millrace {

ExitCode run_inspect(const OptionValues& options);

}  // namespace millrace
