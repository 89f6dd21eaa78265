// `millrace doctor`: what this machine has, and what it will be used for.
//
// The texts are pure functions of plain values; any thread may call them. Neither ends in a newline.
#pragma once

#include <string>
#include <vector>

#include "millrace/cuda_engine.h"
#include "millrace/errors.h"

#include "config/options.h"

namespace millrace {

struct MachineReport {
  std::string version;  // of this program
  CudaReport cuda;
  std::string cpu_engine;  // as the CPU engine describes itself
  unsigned cpu_threads = 0;
  std::string librdkafka;                        // its version
  std::vector<std::string> librdkafka_features;  // that it was built with
};

[[nodiscard]] std::string json_of(const MachineReport& machine);
[[nodiscard]] std::string text_of(const MachineReport& machine);

// Done, whatever is absent: absence is what it reports.
ExitCode run_doctor(const OptionValues& options);

}  // namespace millrace
