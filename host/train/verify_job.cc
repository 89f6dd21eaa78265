#include "train/verify_job.h"

#include <algorithm>
#include <string>
#include <utility>

#include "millrace/errors.h"

#include "state/state_folder.h"

namespace millrace {
namespace {

// Those that can be read, oldest first.
std::vector<Checkpoint> read_checkpoints(const ReplayJob& job) {
  std::vector<Checkpoint> checkpoints;
  for (const ListedCheckpoint& listed : list_checkpoints(job.state)) {
    try {
      checkpoints.push_back(read_checkpoint(listed.file));
    } catch (const StateError& error) {
      if (error.kind == StateError::Kind::newer_version) throw;
      job.note(error.what());
    }
  }
  return checkpoints;
}

// The segments from one checkpoint up to the next.
std::vector<JournalSegment> between(const std::vector<JournalSegment>& segments, std::uint64_t from,
                                    std::uint64_t to) {
  std::vector<JournalSegment> some;
  for (const JournalSegment& segment : segments) {
    if (segment.header.sequence >= from && segment.header.sequence < to) some.push_back(segment);
  }
  return some;
}

}  // namespace

std::vector<VerifiedStep> verify_state(const ReplayJob& job,
                                       const std::function<void(const VerifiedStep&)>& observe,
                                       const std::stop_token& stop) {
  const std::vector<Checkpoint> checkpoints = read_checkpoints(job);
  std::vector<std::string> notes;
  std::vector<JournalSegment> segments;
  if (!checkpoints.empty()) segments = read_journals(job.state, checkpoints.front().sequence, notes);
  for (const std::string& note : notes) job.note(note);

  std::vector<VerifiedStep> steps;
  for (std::size_t i = 0; i + 1 < checkpoints.size(); ++i) {
    if (checkpoints[i].positions.empty()) continue;  // imported: there was no stream yet
    const Checkpoint& next = checkpoints[i + 1];
    VerifiedStep step{.from = checkpoints[i].sequence, .to = next.sequence};
    const std::vector<JournalSegment> some = between(segments, step.from, step.to);
    if (some.empty() || some.front().header.sequence != step.from) continue;
    Checkpoint reached = checkpoints[i];
    if (!replay_journal(job, some, reached, step.counts, stop)) return steps;
    step.equal = trained_digest(reached) == trained_digest(next);
    steps.push_back(step);
    observe(step);
  }
  if (steps.empty()) {
    throw StateError(StateError::Kind::missing, job.state.string(),
                     "it holds no two checkpoints with a journal between them");
  }
  return steps;
}

}  // namespace millrace
