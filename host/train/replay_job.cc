#include "train/replay_job.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "millrace/engine_choice.h"
#include "millrace/errors.h"

#include "decode/decoder_choice.h"
#include "state/state_folder.h"

namespace millrace {
namespace {

DecoderSettings decoder_settings(const StreamSettings& settings, const AvroSchemas& schemas) {
  return {.format = parse_record_format(settings.format),
          .features = settings.features,
          .feature_names = settings.feature_names,
          .columns = settings.columns,
          .label = parse_label_rule(settings.label),
          .max_record_bytes = static_cast<std::size_t>(settings.max_record_bytes),
          .separator = settings.separator,
          .schemas = schemas,
          .absent_is_missing = settings.absent_is_missing};
}

// The engine that trained the windows, or another one, which may differ in the last places.
std::unique_ptr<Engine> engine_for(const ReplayJob& job, const JournalSegment& segment,
                                   const NetworkShape& shape, std::uint32_t window_rows) {
  const StreamSettings& settings = segment.header.settings;
  EngineRequest request{.choice = settings.engine,
                        .shape = shape,
                        .training = settings.training,
                        .max_window_rows = window_rows,
                        .threads = settings.engine_threads,
                        .cuda = job.cuda};
  request.cuda.choices = settings.engine_choices;
  request.cuda.note = [&job](const std::string& sentence) { job.note(sentence); };
  try {
    return make_engine(request);
  } catch (const DeviceError& error) {
    job.note(
        fmt::format("The journal was written with the engine {}, which cannot be used here ({}); its windows "
                    "are trained again with another one, so weights may differ in the last places.",
                    settings.engine, error.detail));
    request.choice = job.engine;
    return make_engine(request);
  }
}

bool replay_one(const ReplayJob& job, const JournalSegment& segment, Checkpoint& checkpoint,
                ReplayCounts& counts, const std::stop_token& stop) {
  const StreamSettings& settings = segment.header.settings;
  const std::unique_ptr<Decoder> decoder = make_decoder(decoder_settings(settings, job.schemas));
  const std::unique_ptr<Engine> engine =
      engine_for(job, segment, checkpoint.model.shape, most_places(segment));
  SourceSettings source = job.source;
  source.topics = settings.topics;
  source.group.clear();
  source.rewind = false;
  source.record_size = record_size(*decoder);
  const LabelRule label = parse_label_rule(settings.label);
  source.label_header = label.from == LabelRule::From::header ? std::optional(label.name) : std::nullopt;
  const auto open_source = [&](std::span<const TrainedPosition> starts) -> std::unique_ptr<RecordSource> {
    source.known.assign(starts.begin(), starts.end());
    auto opened = std::make_unique<KafkaSource>(source);
    opened->start();
    return opened;
  };
  const ReplayParts parts{.engine = *engine,
                          .decoder = *decoder,
                          .open_source = open_source,
                          .earlier_model =
                              [&job](std::uint64_t sequence) {
                                return read_checkpoint(job.state / checkpoint_file_name(sequence)).model;
                              },
                          .decode_threads = job.decode_threads,
                          .goes_on_after_loss = job.goes_on_after_loss};
  return replay_segment(segment, parts, checkpoint, counts, stop);
}

}  // namespace

bool holds_windows(std::span<const JournalSegment> segments) {
  return std::ranges::any_of(segments, [](const JournalSegment& segment) {
    return std::ranges::any_of(segment.entries, [](const JournalEntry& entry) {
      return !std::holds_alternative<PartitionStart>(entry);
    });
  });
}

bool replay_journal(const ReplayJob& job, std::span<const JournalSegment> segments, Checkpoint& checkpoint,
                    ReplayCounts& counts, const std::stop_token& stop) {
  Checkpoint reached = checkpoint;
  ReplayCounts more = counts;
  for (const JournalSegment& segment : segments) {
    if (segment.header.trained_digest != trained_digest(reached)) {
      job.note(fmt::format("{} does not follow from what was before it; its windows are formed anew.",
                           journal_file_name(segment.header.sequence)));
      break;
    }
    if (!holds_windows({&segment, 1})) continue;
    if (!replay_one(job, segment, reached, more, stop)) return false;
  }
  checkpoint = std::move(reached);
  counts = more;
  return true;
}

}  // namespace millrace
