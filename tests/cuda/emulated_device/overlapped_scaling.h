// A pipeline as the engine has it, small: one stream copies windows into two slots by turns, another computes
// on them, and events hold the two together. Any one of its waits can be left out.
#pragma once

#include <vector>

namespace millrace {

enum class MissingWait {
  none,
  compute_for_copy,  // computing starts although the window may not be there
  copy_for_compute,  // a slot is filled again although it may be in use
  host_for_slot,     // the host fills its buffer again although its copy may not have ended
};

// What the pipeline makes of kWindows windows: one sum each. Uses the device that exists. Stops where a call
// fails, with a DeviceError.
[[nodiscard]] std::vector<float> overlapped_scaling(MissingWait missing);
[[nodiscard]] std::vector<float> expected_scaling();

}  // namespace millrace
