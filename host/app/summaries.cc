#include "app/summaries.h"

#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "millrace/engine_choice.h"

namespace millrace {

namespace {

std::uint64_t total(const BadRecordCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

RunTotals totals_of(const Lifetime& lifetime) {
  return {.records = lifetime.records,
          .rows = lifetime.rows,
          .windows = lifetime.windows,
          .steps = lifetime.steps,
          .skipped_steps = lifetime.skipped_steps,
          .rolled_back_rows = lifetime.rolled_back_rows,
          .bad_records = lifetime.bad_records,
          .bad_records_by_reason = reason_counts(lifetime.bad_records_by_reason),
          .seconds = lifetime.seconds};
}

std::vector<FeatureMoments> moments_of(const Checkpoint& checkpoint) {
  std::vector<FeatureMoments> moments;
  const StandardizerState& state = checkpoint.model.standardizer;
  const std::vector<std::string>& names = checkpoint.settings.feature_names;
  for (std::size_t feature = 0; feature < state.count.size(); ++feature) {
    const double count = state.count[feature];
    FeatureMoments moment{.name = feature < names.size() ? names[feature] : std::to_string(feature + 1),
                          .count = static_cast<std::uint64_t>(count)};
    if (count > 0) {
      moment.mean = state.mean[feature];
      moment.standard_deviation = std::sqrt(state.m2[feature] / count);
    }
    moments.push_back(std::move(moment));
  }
  return moments;
}

}  // namespace

ReasonCounts all_reason_counts(const BadRecordCounts& counts) {
  ReasonCounts named;
  for (std::size_t reason = 0; reason < counts.size(); ++reason) {
    named.emplace_back(name_of(static_cast<BadRecordReason>(reason)), counts[reason]);
  }
  return named;
}

ReasonCounts reason_counts(const BadRecordCounts& counts) {
  ReasonCounts named = all_reason_counts(counts);
  std::erase_if(named, [](const auto& reason) { return reason.second == 0; });
  return named;
}

std::vector<Setting> settings_of(const StreamSettings& settings) {
  const TrainingSettings& training = settings.training;
  return {{"topic", settings.topics},
          {"format", settings.format},
          {"columns", settings.columns},
          {"label", settings.label},
          {"group", settings.group},
          {"window-rows", std::uint64_t{settings.window_rows}},
          {"window-ms", settings.window_ms},
          {"epochs", std::uint64_t{training.epochs}},
          {"batch", std::uint64_t{training.batch}},
          {"learning-rate", training.learning_rate},
          {"standardize", training.standardize},
          {"seed", training.seed},
          {"engine", settings.engine},
          {"engine-threads", std::int64_t{settings.engine_threads}},
          {"engine-choices", settings.engine_choices},
          {"math", std::string(name_of(training.math))}};
}

TrainSummary summary_of(const TrainResult& result) {
  return {.run = {.records = result.counts.records,
                  .rows = result.counts.rows,
                  .windows = result.counts.windows,
                  .steps = result.counts.steps,
                  .skipped_steps = result.counts.skipped_steps,
                  .rolled_back_rows = result.counts.rolled_back_rows,
                  .bad_records = total(result.counts.bad_records),
                  .bad_records_by_reason = reason_counts(result.counts.bad_records),
                  .seconds = result.elapsed.count()},
          .lifetime = totals_of(result.checkpoint.lifetime),
          .dead_letters = result.counts.dead_letters,
          .engine = result.engine,
          .loss = result.metrics.loss,
          .accuracy = result.metrics.accuracy,
          .auc = result.auc,
          .data_losses = result.data_losses,
          .lost_offsets = result.lost_offsets,
          .positions = result.checkpoint.positions,
          .checkpoint = result.checkpoint_file.string(),
          .replayed_windows = result.replayed.windows,
          .replayed_rows = result.replayed.rows};
}

EvaluateSummary summary_of(const EvaluateResult& result) {
  return {.records = result.records,
          .rows = result.metrics.rows,
          .bad_records = total(result.bad_records),
          .bad_records_by_reason = reason_counts(result.bad_records),
          .seconds = result.elapsed.count(),
          .loss = result.metrics.loss,
          .accuracy = result.metrics.accuracy,
          .auc = result.auc,
          .confusion = result.confusion,
          .data_losses = result.data_losses,
          .lost_offsets = result.lost_offsets,
          .positions = result.read,
          .checkpoint = {}};
}

JournalSummary summary_of(const JournalSegment& segment, const std::filesystem::path& file) {
  JournalSummary summary{.file = file.string(),
                         .sequence = segment.header.sequence,
                         .trouble = segment.trouble,
                         .settings = settings_of(segment.header.settings)};
  std::vector<TopicPartition> partitions;
  for (const JournalEntry& entry : segment.entries) {
    if (const auto* found = std::get_if<PartitionStart>(&entry)) {
      partitions.push_back(found->partition);
    } else if (const auto* back = std::get_if<JournalRollBack>(&entry)) {
      summary.entries.push_back({.rolled_back_to = back->sequence, .rows = back->rows});
    } else {
      const auto& window = std::get<JournalWindow>(entry);
      JournalSummary::Entry line{.window = window.index,
                                 .rows = window.rows,
                                 .records = window.records,
                                 .rows_digest = window.rows_digest};
      for (const PartitionRange& range : window.ranges) {
        line.ranges.push_back({partitions[range.partition], range.begin, range.end});
      }
      summary.entries.push_back(std::move(line));
    }
  }
  return summary;
}

InspectSummary summary_of(const Checkpoint& checkpoint, const std::filesystem::path& file) {
  return {.file = file.string(),
          .version = checkpoint.millrace_version,
          .sequence = checkpoint.sequence,
          .written_at_ms = checkpoint.written_at_ms,
          .lifetime = totals_of(checkpoint.lifetime),
          .widths = checkpoint.model.shape.widths,
          .parameters = checkpoint.model.shape.parameters(),
          .weights_digest = weights_digest(checkpoint.model),
          .state_digest = state_digest(checkpoint),
          .positions = checkpoint.positions,
          .settings = settings_of(checkpoint.settings),
          .standardizer = moments_of(checkpoint)};
}

}  // namespace millrace
