// Whether the checkpoints of a state follow from each other by the journal between them: trains its windows
// again and compares.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "train/replay.h"
#include "train/replay_job.h"

namespace millrace {

// From one checkpoint to the next.
struct VerifiedStep {
  std::uint64_t from = 0;  // sequence numbers
  std::uint64_t to = 0;
  ReplayCounts counts;
  bool equal = false;  // the same weights, moments, positions and count of windows, bit for bit
};

// Begins at the oldest checkpoint that the journal follows, and goes to the newest. Only reads; a trainer may
// run on the state meanwhile, but what it removes cannot be verified. Stops early with the token: then the
// steps so far are returned. Errors: StateError missing where there are no two checkpoints with a journal
// between them; those of replay_journal.
[[nodiscard]] std::vector<VerifiedStep> verify_state(const ReplayJob& job,
                                                     const std::function<void(const VerifiedStep&)>& observe,
                                                     const std::stop_token& stop);

}  // namespace millrace
