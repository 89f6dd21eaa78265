// From the results of jobs and from checkpoints to what host/report renders.
#pragma once

#include <filesystem>
#include <vector>

#include "report/run_summary.h"
#include "state/checkpoint.h"
#include "state/journal_format.h"
#include "train/evaluate_job.h"
#include "train/train_job.h"

namespace millrace {

// Every reason, those that did not occur included.
[[nodiscard]] ReasonCounts all_reason_counts(const BadRecordCounts& counts);
// Those that occurred.
[[nodiscard]] ReasonCounts reason_counts(const BadRecordCounts& counts);
[[nodiscard]] std::vector<Setting> settings_of(const StreamSettings& settings);

[[nodiscard]] TrainSummary summary_of(const TrainResult& result);
[[nodiscard]] EvaluateSummary summary_of(const EvaluateResult& result);
[[nodiscard]] JournalSummary summary_of(const JournalSegment& segment, const std::filesystem::path& file);
[[nodiscard]] InspectSummary summary_of(const Checkpoint& checkpoint, const std::filesystem::path& file);

}  // namespace millrace
