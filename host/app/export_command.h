// `millrace export`.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_export(const OptionValues& options);

}  // namespace millrace
