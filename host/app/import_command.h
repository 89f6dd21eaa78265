// `millrace import`.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_import(const OptionValues& options);

}  // namespace millrace
