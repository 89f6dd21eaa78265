// `millrace predict`.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_predict(const OptionValues& options);

}  // namespace millrace
