// What the thread that runs a training job is doing.
#pragma once

#include <cstdint>

namespace millrace {

enum class RunActivity : std::uint8_t {
  starting,   // opening the state, the engine and the source
  replaying,  // training again what the journal holds
  waiting,    // for records
  training,   // one window; told anew for each
  saving,     // a checkpoint
};

}  // namespace millrace
