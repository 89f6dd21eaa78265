#include "predict/model_follower.h"

#include <fmt/format.h>
#include <system_error>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "state/state_folder.h"

namespace millrace {

std::string model_version(const Checkpoint& checkpoint) {
  return fmt::format("{}-{:016x}", checkpoint.sequence, weights_digest(checkpoint.model));
}

ModelFollower::ModelFollower(std::filesystem::path folder, Note note)
    : folder_(std::move(folder)),
      note_(std::move(note)),
      seen_(newest_file()),
      checkpoint_(read()),
      looked_at_(Clock::now()) {}

std::optional<ModelFollower::Seen> ModelFollower::newest_file() const {
  const std::vector<ListedCheckpoint> listed = list_checkpoints(folder_);
  if (listed.empty()) return std::nullopt;
  std::error_code gone;  // it may be removed meanwhile: then the next look sees another one
  const auto written_at = std::filesystem::last_write_time(listed.back().file, gone);
  return Seen{listed.back().sequence, listed.back().bytes, written_at};
}

Checkpoint ModelFollower::read() {
  std::vector<std::string> fallbacks;
  std::optional<Checkpoint> newest = read_newest_checkpoint(folder_, &fallbacks);
  if (!newest) throw StateError(StateError::Kind::missing, folder_, "it holds no checkpoint");
  for (const std::string& sentence : fallbacks) note_(sentence);
  return *std::move(newest);
}

bool ModelFollower::look(Clock::time_point now) {
  if (now - looked_at_ < kLookEvery) return false;
  looked_at_ = now;
  try {
    const std::optional<Seen> newest = newest_file();
    if (newest == seen_) return false;
    seen_ = newest;
    Checkpoint found = read();
    told_.clear();
    if (found == checkpoint_) return false;  // the newer file is damaged
    checkpoint_ = std::move(found);
    return true;
  } catch (const StateError& error) {
    if (told_ != error.what())
      note_(fmt::format("{}; predicting with checkpoint {} still.", error.what(), checkpoint_.sequence));
    told_ = error.what();
    return false;
  }
}

}  // namespace millrace
