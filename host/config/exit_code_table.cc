#include "config/exit_code_table.h"

#include <array>

namespace millrace {

std::span<const ExitCodeDescription> exit_code_table() {
  static constexpr std::array kTable = std::to_array<ExitCodeDescription>({
      {ExitCode::done, "done"},
      {ExitCode::unexpected, "something unexpected"},
      {ExitCode::usage,
       "usage: the command line, the environment, a configuration file, options that do not fit a state "
       "folder, or a model file that `export` cannot write or `import` cannot take"},
      {ExitCode::broker, "the broker, the Schema Registry, the network, or security"},
      {ExitCode::data_lost, "records that must be read are gone, or a position is out of range"},
      {ExitCode::bad_records,
       "bad records beyond the tolerance, or bad rows in the input of `millrace produce`"},
      {ExitCode::state, "the state folder: in use, damaged, full, not writable, missing"},
      {ExitCode::device, "the GPU, its driver or its libraries"},
      {ExitCode::numerical, "training diverged"},
  });
  return kTable;
}

}  // namespace millrace
