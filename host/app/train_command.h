// `millrace train`.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_train(const OptionValues& options);

}  // namespace millrace
