#include "train/train_job.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <span>
#include <utility>
#include <xxhash.h>

#include "millrace/engine_choice.h"
#include "millrace/errors.h"

#include "decode/decoder_choice.h"
#include "decode/field_outcome.h"
#include "kafka/dead_letters.h"
#include "state/state_folder.h"
#include "train/position_ledger.h"
#include "train/reading.h"
#include "train/replay_job.h"
#include "window/assembler.h"

namespace millrace {

namespace {

using namespace std::chrono_literals;

// How long the last commit may take before the program leaves without its confirmation.
constexpr auto kCloseLimit = 5s;
// Windows being filled or waiting while the engine works on its own.
constexpr std::size_t kSlotsAhead = 2;

std::string hidden_layers(const NetworkShape& shape) {
  return fmt::format("{}", fmt::join(std::span(shape.widths).subspan(1, shape.layers() - 1), ","));
}

// Whether records were ever read with it; an imported model has met none.
bool has_begun(const Checkpoint& checkpoint) { return !checkpoint.settings.topics.empty(); }

// A model can only go on as what it was begun as. An imported one binds by what its file told.
void require_same_model(const TrainJob& job, const Checkpoint& checkpoint) {
  const auto require = [&](bool same, const char* setting, std::string in_state, std::string requested) {
    if (!same) throw MismatchError(job.state, setting, std::move(in_state), std::move(requested));
  };
  const NetworkShape& shape = checkpoint.model.shape;
  const TrainingSettings& training = checkpoint.settings.training;
  require(shape.features() == job.shape.features(), "features", std::to_string(shape.features()),
          std::to_string(job.shape.features()));
  require(shape == job.shape, "layers", hidden_layers(shape), hidden_layers(job.shape));
  const std::vector<double>& seen = checkpoint.model.standardizer.count;
  const bool knows_inputs = std::ranges::any_of(seen, [](double count) { return count > 0; });
  require(training.standardize == job.training.standardize || !(has_begun(checkpoint) || knows_inputs),
          "standardize", training.standardize ? "on" : "off", job.training.standardize ? "on" : "off");
  const StreamSettings& stream = checkpoint.settings;
  const auto listed = [](const std::vector<std::string>& names) {
    return names.empty() ? std::string("unnamed") : fmt::format("{}", fmt::join(names, ","));
  };
  const bool knows_names = has_begun(checkpoint) || !stream.feature_names.empty();
  require(!knows_names || stream.feature_names == job.decoder.feature_names, "features",
          listed(stream.feature_names), listed(job.decoder.feature_names));
  if (!has_begun(checkpoint)) return;
  // Named features are found wherever they stand; unnamed ones are what the columns make them.
  require(!stream.feature_names.empty() || stream.columns == job.decoder.columns, "columns",
          listed(stream.columns), listed(job.decoder.columns));
  require(training.seed == job.training.seed, "seed", std::to_string(training.seed),
          std::to_string(job.training.seed));
}

StreamSettings stream_settings(const TrainJob& job, const std::string& group, const Engine& engine) {
  return {.feature_names = job.decoder.feature_names,
          .features = job.shape.features(),
          .label = job.label,
          .format = std::string(name_of(job.decoder.format)),
          .columns = job.decoder.columns,
          .topics = job.source.topics,
          .group = group,
          .window_rows = job.window_rows,
          .window_ms = job.window_limit.count(),
          .engine = std::string(engine.name()),
          .engine_threads = job.engine_threads,
          .engine_choices = engine.choices(),
          .max_record_bytes = job.decoder.max_record_bytes,
          .separator = job.decoder.separator,
          .absent_is_missing = job.decoder.absent_is_missing,
          .training = job.training};
}

// The state to go on from: the newest checkpoint, or a network that has seen nothing.
Checkpoint open_model(const TrainJob& job, StateFolder& state, const TrainObserver& observer) {
  if (std::optional<Checkpoint> newest = state.newest()) {
    for (const std::string& sentence : state.fallbacks()) observer.note(sentence);
    require_same_model(job, *newest);
    observer.note(has_begun(*newest)
                      ? fmt::format("Going on from checkpoint {} of {}: {} rows in {} windows so far.",
                                    newest->sequence, job.state.string(), newest->lifetime.rows,
                                    newest->windows)
                      : fmt::format("Beginning with the imported model of {}.", job.state.string()));
    return *std::move(newest);
  }
  Checkpoint fresh;
  fresh.model = initial_model_state(job.shape, job.training.seed);
  return fresh;
}

ReplayJob replay_job(const TrainJob& job, const TrainObserver& observer) {
  return {.state = job.state,
          .source = job.source,
          .engine = job.engine,
          .cuda = job.cuda,
          .decode_threads = job.decode_threads,
          .schemas = job.decoder.schemas,
          .goes_on_after_loss = job.source.on_data_loss == OnDataLoss::go_on,
          .note = observer.note};
}

// What was journalled after the checkpoint is trained again. False: the stop came first.
bool catch_up(const TrainJob& job, StateFolder& state, Checkpoint& checkpoint, ReplayCounts& counts,
              const TrainObserver& observer, const std::stop_token& stop) {
  const std::vector<JournalSegment> segments = state.journal_after(checkpoint);
  for (const std::string& sentence : state.journal_notes()) observer.note(sentence);
  if (holds_windows(segments)) observer.activity(RunActivity::replaying);
  if (!replay_journal(replay_job(job, observer), segments, checkpoint, counts, stop)) return false;
  if (counts.windows > 0) {
    observer.note(fmt::format("Trained {} windows of the journal again: {} rows in {} windows so far.",
                              counts.windows, checkpoint.lifetime.rows, checkpoint.windows));
  }
  return true;
}

EngineRequest engine_request(const TrainJob& job, const Checkpoint& checkpoint,
                             const TrainObserver& observer) {
  EngineRequest request{.choice = job.engine,
                        .shape = job.shape,
                        .training = job.training,
                        .max_window_rows = job.window_rows,
                        .threads = job.engine_threads,
                        .cuda = job.cuda};
  request.cuda.choices = checkpoint.settings.engine_choices;
  request.cuda.note = [&observer](const std::string& sentence) { observer.note(sentence); };
  return request;
}

// Another engine, and other mathematics, go on from the same weights, with other last places; another format
// with the features that it finds by the same names.
void note_changes(const TrainJob& job, const StreamSettings& before, const Engine& engine,
                  const TrainObserver& observer) {
  if (!before.engine.empty() && before.engine != engine.name()) {
    observer.note(fmt::format("The engine changed from {} to {}.", before.engine, engine.name()));
  }
  if (!before.format.empty() && before.format != name_of(job.decoder.format)) {
    observer.note(fmt::format("The format of records changed from {} to {}.", before.format,
                              name_of(job.decoder.format)));
  }
  if (before.training.math != job.training.math) {
    observer.note(fmt::format("The mathematics changed from {} to {}.", name_of(before.training.math),
                              name_of(job.training.math)));
  }
}

// What letters on their way may take of the byte budget.
std::size_t letter_bytes(const TrainJob& job) {
  constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  return job.dead_letter_topic.empty() ? 0 : std::min(job.source.memory_bytes / 16, kMostBytes);
}

// The source gets what the window slots and the dead letters leave of the byte budget.
SourceSettings source_settings(const TrainJob& job, const Checkpoint& checkpoint, std::size_t slots) {
  SourceSettings settings = job.source;
  settings.known = checkpoint.positions;
  if (settings.group.empty()) settings.group = default_group(job.state);
  const std::size_t slot_bytes = slots * WindowSlot::bytes_needed(job.window_rows, job.shape.features());
  if (slot_bytes > settings.memory_bytes / 2) {
    throw OptionError(
        OptionError::Kind::invalid, "--memory-bytes", std::to_string(settings.memory_bytes),
        fmt::format("{} windows of {} rows alone take {} bytes, and they may take half of the budget; "
                    "raise --memory-bytes or lower --window-rows",
                    slots, job.window_rows, slot_bytes));
  }
  settings.memory_bytes -= slot_bytes + letter_bytes(job);
  return settings;
}

AssemblerSettings assembler_settings(const TrainJob& job, const KafkaSource& source,
                                     std::uint64_t first_window, std::size_t slots) {
  AssemblerSettings settings = reading_from(source, job.stop);
  settings.window_rows = job.window_rows;
  settings.window_limit = job.window_limit;
  settings.decode_threads = job.decode_threads;
  settings.first_window_index = first_window;
  settings.slots = slots;
  return settings;
}

// Null where no topic was given. Connect's stages: a label outside the value is converted on its own.
std::unique_ptr<DeadLetters> open_dead_letters(const TrainJob& job, const std::string& group,
                                               const RecordSource& source, const Decoder& decoder) {
  if (job.dead_letter_topic.empty()) return nullptr;
  using From = LabelRule::From;
  return std::make_unique<DeadLetters>(
      DeadLetterSettings{.client = job.source.client,
                         .topic = job.dead_letter_topic,
                         .connector = group,
                         .memory_bytes = letter_bytes(job)},
      source,
      [from = job.decoder.label.from, format = name_of(job.decoder.format),
       &decoder](const DecodeOutcome& outcome) {
        const BadRecordReason reason = outcome.reason;
        const bool of_label =
            reason == BadRecordReason::label_missing || reason == BadRecordReason::label_invalid;
        return LetterText{
            .stage = !of_label || from == From::column ? "VALUE_CONVERTER"
                     : from == From::key               ? "KEY_CONVERTER"
                                                       : "HEADER_CONVERTER",
            .class_name = fmt::format("millrace {} decoder", format),
            .reason = std::string(name_of(reason)),
            .sentence = fmt::format("The record {}{}.", phrase_of(reason),
                                    place_in_record(outcome.row, decoder.field_name(outcome.field)))};
      });
}

}  // namespace

std::string default_group(const std::filesystem::path& state) {
  std::filesystem::path folder = std::filesystem::weakly_canonical(state);
  if (!folder.has_filename()) folder = folder.parent_path();
  const std::string path = folder.string();
  return fmt::format("millrace-{}-{:08x}", folder.filename().string(),
                     static_cast<std::uint32_t>(XXH3_64bits(path.data(), path.size())));
}

TrainResult run_train_job(const TrainJob& job, const TrainObserver& observer, std::stop_token stop) {
  const std::unique_ptr<Decoder> decoder =
      make_decoder(job.decoder);  // first: what does not fit together leaves no state behind
  StateFolder state = StateFolder::open(job.state);
  state.set_keep(job.keep);
  Checkpoint checkpoint = open_model(job, state, observer);
  const bool begins_now = !has_begun(checkpoint);
  const Checkpoint newest = checkpoint;
  ReplayCounts replayed;
  if (!begins_now && !catch_up(job, state, checkpoint, replayed, observer, stop)) {
    return {.engine = checkpoint.settings.engine, .checkpoint = std::move(checkpoint)};
  }

  const std::unique_ptr<Engine> engine = make_engine(engine_request(job, checkpoint, observer));
  engine->restore(checkpoint.model);
  if (!begins_now) note_changes(job, checkpoint.settings, *engine, observer);
  const std::size_t slots = engine->windows_in_flight() + kSlotsAhead;

  SourceSettings reading = source_settings(job, checkpoint, slots);
  reading.record_size = record_size(*decoder);
  KafkaSource source(reading);
  const std::unique_ptr<DeadLetters> letters = open_dead_letters(job, reading.group, source, *decoder);
  PositionLedger positions(source.partitions(), source.starts(), checkpoint.positions);

  checkpoint.settings = stream_settings(job, reading.group, *engine);
  checkpoint.millrace_version = MILLRACE_VERSION;
  checkpoint.positions = positions.positions();
  // Where reading begins is part of the state before the first window is: a restart must begin there too.
  const bool is_saved =
      !begins_now && state.fallbacks().empty() && trained_digest(checkpoint) == trained_digest(newest);
  if (is_saved) {
    state.begin_journal(checkpoint, positions.starts());
  } else {
    state.save(checkpoint, positions.starts());
  }

  source.start();
  observer.opened({checkpoint, positions.current(), engine->description()});
  observer.activity(RunActivity::waiting);
  AssemblerSettings assembling = assembler_settings(job, source, checkpoint.windows, slots);
  assembling.bad_records = letters.get();
  Assembler assembler(source, *decoder, assembling,
                      [&](std::size_t bytes) { return engine->allocate_host(bytes); });
  const std::stop_callback on_stop(stop, [&] { assembler.request_stop(); });

  Trainer trainer(
      {.assembler = assembler,
       .engine = *engine,
       .state = state,
       .decoder = *decoder,
       .positions = positions,
       .commit_async = [&](std::span<const CommitOffset> offsets) { source.commit_async(offsets); },
       .activity = observer.activity,
       .saved = observer.saved,
       .letters = letters.get()},
      std::move(checkpoint), job.trainer);
  trainer.run([&](const TrainTick& tick) {
    observer.window(
        tick, {.log_ends = source.end_offsets(),
               .committed = source.committed(),
               .failed_commits = source.failed_commits(),
               .data_losses = source.losses().count(),
               .lost_offsets = source.losses().lost_offsets(),
               .left = records_left(job.stop, source.ends_at_start(), tick.finished, tick.counts.records)});
  });

  return {.counts = trainer.counts(),
          .metrics = trainer.metrics().run(),
          .horizon = trainer.metrics().horizon(),
          .auc = trainer.metrics().auc(),
          .confusion = trainer.metrics().confusion(),
          .elapsed = trainer.elapsed(),
          .engine = engine->description(),
          .checkpoint = trainer.checkpoint(),
          .checkpoint_file = trainer.checkpoint_file(),
          .replayed = replayed,
          .data_losses = source.losses().count(),
          .lost_offsets = source.losses().lost_offsets(),
          .offsets_committed = source.close(kCloseLimit)};
}

}  // namespace millrace
