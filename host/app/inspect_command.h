// `millrace inspect`.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_inspect(const OptionValues& options);

}  // namespace millrace
