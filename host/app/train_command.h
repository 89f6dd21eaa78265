// `millrace train`.
#pragma once

#include "config/options.h"
#include "millrace/errors.h"

namespace millrace {

ExitCode run_train(const OptionValues& options);

}  // namespace millrace
