// `millrace replay`: trains the windows of a state's journal again, to bring the state up to date or to
// verify it.
#pragma once

#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

ExitCode run_replay(const OptionValues& options);

}  // namespace millrace
