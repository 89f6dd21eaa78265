// The trainer over the real assembler, engine and state folder; only the log is in memory.
#include "train/trainer.h"

#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "millrace/engine_choice.h"
#include "millrace/errors.h"

#include "decode/csv_decoder.h"
#include "kafka/fingerprint.h"
#include "support/bad_record_list.h"
#include "support/memory_source.h"
#include "support/temp_dir.h"
#include "train/replay.h"

namespace millrace {
namespace {

constexpr std::uint32_t kFeatures = 3;
constexpr std::uint32_t kWindowRows = 20;
const NetworkShape kShape{{kFeatures, 8, 1}};

// Rows of two classes in `partitions` partitions, the same for the same arguments.
void append_rows(MemorySource& source, std::size_t rows) {
  std::mt19937 random(7);
  std::normal_distribution<float> noise(0, 1);
  for (std::size_t row = 0; row < rows; ++row) {
    const bool positive = random() % 2 == 0;
    std::string value;
    for (std::uint32_t feature = 0; feature < kFeatures; ++feature) {
      if (feature > 0) value += ',';
      value += std::to_string(noise(random) + (positive ? 1.5F : -1.5F));
    }
    source.append(row % source.partitions().size(),
                  {.key = positive ? "1" : "0", .value = value, .header = {}});
  }
}

// One run over a log, from where the state folder stands.
class TrainingRun {
 public:
  struct Plan {
    std::size_t rows = 200;
    std::size_t partitions = 2;
    StopRule stop{.when = StopRule::When::end};
    ErrorsTolerance tolerance = ErrorsTolerance::none;
    double max_bad_share = 1;
    BadRecordSink* letters = nullptr;
    std::chrono::milliseconds checkpoint_every = std::chrono::hours{1};
    std::function<void(MemorySource&)> prepare = [](MemorySource&) {};
    bool goes_on_after_loss = false;
    double learning_rate = 0.01;
    bool rolls_back = false;
    bool standardize = true;
  };

  TrainingRun(const std::filesystem::path& folder, const Plan& plan)
      : training_{.epochs = 2,
                  .batch = 8,
                  .learning_rate = plan.learning_rate,
                  .standardize = plan.standardize},
        state_(StateFolder::open(folder)),
        source_(partitions(plan.partitions)) {
    append_rows(source_, plan.rows);
    plan.prepare(source_);
    Checkpoint checkpoint = state_.newest().value_or(Checkpoint{});
    const bool fresh = checkpoint.model.parameters.empty();
    if (fresh) checkpoint.model = initial_model_state(kShape, training_.seed);
    engine_ = make_engine(
        {.choice = "cpu", .shape = kShape, .training = training_, .max_window_rows = kWindowRows});
    if (!fresh) replay(checkpoint, plan);
    checkpoint.settings.training = training_;
    checkpoint.settings.features = kFeatures;
    checkpoint.settings.window_rows = kWindowRows;
    engine_->restore(checkpoint.model);

    AssemblerSettings settings{.window_rows = kWindowRows,
                               .window_limit = std::chrono::hours{1},
                               .stop = plan.stop,
                               .first_window_index = checkpoint.windows,
                               .slots = 4,
                               .fingerprint = &fingerprint_of,
                               .bad_records = plan.letters};
    for (std::size_t index = 0; index < plan.partitions; ++index) {
      settings.starts.push_back(fresh ? Position{} : checkpoint.positions[index].next);
      settings.ends.push_back(source_.end_offset(index));
      source_.start_at(index, settings.starts.back().offset);
    }
    if (plan.stop.when != StopRule::When::end) settings.ends.clear();
    ledger_ = std::make_unique<PositionLedger>(source_.partitions(), settings.starts, checkpoint.positions);
    checkpoint.positions = ledger_->positions();
    state_.save(checkpoint, ledger_->starts());
    assembler_ = std::make_unique<Assembler>(
        source_, decoder_, settings, [&](std::size_t bytes) { return engine_->allocate_host(bytes); });
    trainer_ = std::make_unique<Trainer>(
        Trainer::Parts{.assembler = *assembler_,
                       .engine = *engine_,
                       .state = state_,
                       .decoder = decoder_,
                       .positions = *ledger_,
                       .commit_async = [&](std::span<const CommitOffset> offsets) { note_commit(offsets); },
                       .letters = plan.letters},
        std::move(checkpoint),
        TrainerSettings{.errors_tolerance = plan.tolerance,
                        .max_bad_share = plan.max_bad_share,
                        .max_skipped_steps = 5,
                        .rolls_back = plan.rolls_back,
                        .checkpoint_every = plan.checkpoint_every,
                        .auc_rows = 100});
  }

  Trainer& train(const std::function<void(const TrainTick&)>& observe = [](const TrainTick&) {}) {
    trainer_->run(observe);
    return *trainer_;
  }
  Assembler& assembler() { return *assembler_; }
  const ReplayCounts& replayed() const { return replayed_; }
  // What was committed last, and what the newest checkpoint on the disk held at that moment.
  const std::vector<CommitOffset>& committed() const { return committed_; }
  const std::vector<TrainedPosition>& durable_at_commit() const { return durable_at_commit_; }

 private:
  static std::vector<TopicPartition> partitions(std::size_t count) {
    std::vector<TopicPartition> all;
    for (std::size_t index = 0; index < count; ++index)
      all.push_back({"rows", static_cast<std::int32_t>(index)});
    return all;
  }
  // Each segment from a log of its own, as from a broker that is asked again.
  void replay(Checkpoint& checkpoint, const Plan& plan) {
    const auto open_source = [&](std::span<const TrainedPosition> starts) {
      auto source = std::make_unique<MemorySource>(partitions(plan.partitions));
      append_rows(*source, plan.rows);
      plan.prepare(*source);
      for (std::size_t index = 0; index < starts.size(); ++index) {
        source->start_at(index, starts[index].next.offset);
      }
      return source;
    };
    for (const JournalSegment& segment : state_.journal_after(checkpoint)) {
      ASSERT_EQ(segment.header.trained_digest, trained_digest(checkpoint));
      const auto engine = make_engine({.choice = "cpu",
                                       .shape = kShape,
                                       .training = segment.header.settings.training,
                                       .max_window_rows = kWindowRows});
      const ReplayParts parts{
          .engine = *engine,
          .decoder = decoder_,
          .open_source = open_source,
          .earlier_model =
              [&](std::uint64_t sequence) {
                return read_checkpoint(state_.path() / checkpoint_file_name(sequence)).model;
              },
          .goes_on_after_loss = plan.goes_on_after_loss};
      ASSERT_TRUE(replay_segment(segment, parts, checkpoint, replayed_, {}));
    }
  }
  void note_commit(std::span<const CommitOffset> offsets) {
    committed_.assign(offsets.begin(), offsets.end());
    durable_at_commit_ = read_newest_checkpoint(state_.path()).value().positions;
  }

  const TrainingSettings training_;
  StateFolder state_;
  MemorySource source_;
  CsvDecoder decoder_{DecoderSettings{.features = kFeatures}};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<PositionLedger> ledger_;
  std::unique_ptr<Assembler> assembler_;
  std::unique_ptr<Trainer> trainer_;
  ReplayCounts replayed_;
  std::vector<CommitOffset> committed_;
  std::vector<TrainedPosition> durable_at_commit_;
};

// What kill -9 leaves: no last checkpoint, no destructor that matters.
struct Killed {};

// Trains until the observer has seen `windows` of them, and is killed then.
void train_until_killed(const std::filesystem::path& folder, const TrainingRun::Plan& plan,
                        std::uint64_t windows) {
  TrainingRun run(folder, plan);
  EXPECT_THROW(run.train([&](const TrainTick& tick) {
    if (tick.counts.windows == windows) throw Killed{};
  }),
               Killed);
}

std::uint64_t digest_in(const std::filesystem::path& folder) {
  return state_digest(read_newest_checkpoint(folder).value());
}

TEST(Trainer, LearnsAndCountsEveryRowOnce) {
  const support::TempDir folder;
  TrainingRun run(folder.path(), {.rows = 600});
  Trainer& trainer = run.train();
  EXPECT_EQ(trainer.counts().rows, 600U);
  EXPECT_EQ(trainer.counts().windows, 30U);
  EXPECT_EQ(trainer.counts().steps, 30U * 2 * 3);  // 20 rows in batches of 8, 2 epochs
  EXPECT_GT(*trainer.metrics().run().accuracy, 0.9);
  EXPECT_EQ(trainer.metrics().rows(), 600U);
}

TEST(Trainer, StoppingAndGoingOnAtWindowsEqualsOneRun) {
  const support::TempDir whole;
  TrainingRun(whole.path(), {}).train();
  const support::TempDir parts;
  TrainingRun(parts.path(), {.stop = {.when = StopRule::When::records, .records = 3 * kWindowRows}}).train();
  TrainingRun(parts.path(), {.stop = {.when = StopRule::When::records, .records = kWindowRows}}).train();
  TrainingRun(parts.path(), {}).train();
  EXPECT_EQ(digest_in(parts.path()), digest_in(whole.path()));
}

TEST(Trainer, AKilledRunGoesOnWhereItWasBitForBit) {
  const support::TempDir whole;
  TrainingRun(whole.path(), {}).train();
  const support::TempDir parts;
  for (int kills = 0; kills < 3; ++kills) train_until_killed(parts.path(), {}, 2);
  TrainingRun last(parts.path(), {});
  EXPECT_EQ(last.replayed().windows, 2U);
  EXPECT_EQ(last.replayed().changed_windows, 0U);
  last.train();
  EXPECT_EQ(digest_in(parts.path()), digest_in(whole.path()));
  EXPECT_EQ(read_newest_checkpoint(parts.path())->lifetime.rows, 200U) << "each row is trained once";
}

TEST(Trainer, WindowsThatTimeCutAreTrainedAgainAsTheyWere) {
  // Three records before the stop: a short window, which no log tells of.
  const TrainingRun::Plan short_window{.stop = {.when = StopRule::When::records, .records = 23}};
  const support::TempDir whole;
  TrainingRun(whole.path(), short_window).train();
  TrainingRun(whole.path(), {}).train();
  const support::TempDir parts;
  train_until_killed(parts.path(), short_window, 2);
  TrainingRun(parts.path(), {}).train();
  EXPECT_EQ(digest_in(parts.path()), digest_in(whole.path()));
}

TEST(Trainer, ReplayTrainsWithTheSettingsOfTheJournal) {
  const support::TempDir folder;
  train_until_killed(folder.path(), {}, 4);
  const Checkpoint before = read_newest_checkpoint(folder.path()).value();
  EXPECT_EQ(before.windows, 0U);
  EXPECT_EQ(before.settings.training.learning_rate, 0.01);
  StateFolder state = StateFolder::open(folder.path());
  const std::vector<JournalSegment> segments = state.journal_after(before);
  ASSERT_EQ(segments.size(), 1U);
  EXPECT_EQ(segments[0].header.settings, before.settings);
}

TEST(Trainer, ARecordThatChangedIsFoundWhenItsWindowIsTrainedAgain) {
  const support::TempDir folder;
  train_until_killed(folder.path(), {}, 3);
  // The log is made anew, with as many records and other values.
  const auto anew = [](MemorySource& source) {
    source.replace(1, 4, {.key = "1", .value = "9,9,9", .header = {}});
  };
  try {
    TrainingRun(folder.path(), {.prepare = anew});
    FAIL() << "other rows were trained";
  } catch (const ChangedWindowError& error) {
    EXPECT_EQ(error.window, 0U);
    EXPECT_EQ(error.rows_in_log, 20U);
    ASSERT_EQ(error.ranges.size(), 2U);
    EXPECT_EQ(error.ranges[1].partition, (TopicPartition{"rows", 1}));
    EXPECT_EQ(error.ranges[1].begin, 0);
    EXPECT_EQ(error.ranges[1].end, 10);
  }
  TrainingRun tolerant(folder.path(), {.prepare = anew, .goes_on_after_loss = true});
  EXPECT_EQ(tolerant.replayed().windows, 3U);
  EXPECT_EQ(tolerant.replayed().changed_windows, 1U);
}

TEST(Trainer, RecordsThatCompactionTookAreFoundAndTheNextWindowsStayWhole) {
  const support::TempDir folder;
  train_until_killed(folder.path(), {}, 3);
  const auto compacted = [](MemorySource& source) { source.remove(0, 7); };
  EXPECT_THROW(TrainingRun(folder.path(), {.prepare = compacted}), ChangedWindowError);
  TrainingRun tolerant(folder.path(), {.prepare = compacted, .goes_on_after_loss = true});
  EXPECT_EQ(tolerant.replayed().windows, 3U);
  EXPECT_EQ(tolerant.replayed().rows, 59U);
  EXPECT_EQ(tolerant.replayed().changed_windows, 1U);
  tolerant.train();
  const Checkpoint checkpoint = read_newest_checkpoint(folder.path()).value();
  EXPECT_EQ(checkpoint.lifetime.rows, 199U);
  EXPECT_EQ(checkpoint.windows, 10U);
}

// One update of such a size, and no other is finite.
constexpr double kExplosiveRate = 1e30;

TEST(Trainer, DivergenceEndsTheRunAndARestartDoesNotSpendAnotherWindowOnIt) {
  const support::TempDir folder;
  const TrainingRun::Plan explosive{.learning_rate = kExplosiveRate};
  EXPECT_THROW(TrainingRun(folder.path(), explosive).train(), NumericalError);
  EXPECT_EQ(read_newest_checkpoint(folder.path())->windows, 0U);
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_THROW(TrainingRun(folder.path(), explosive).train(), NumericalError);
    EXPECT_EQ(read_newest_checkpoint(folder.path())->windows, 1U);
  }
}

TEST(Trainer, ARollBackTakesTheLastGoodWeightsAndGoesOnWithTheNextRecords) {
  const support::TempDir folder;
  TrainingRun(folder.path(), {.stop = {.when = StopRule::When::records, .records = 100}}).train();
  const ModelState good = read_newest_checkpoint(folder.path())->model;
  TrainingRun run(folder.path(), {.learning_rate = kExplosiveRate, .rolls_back = true});
  const Trainer& trainer = run.train();
  EXPECT_EQ(trainer.counts().rolled_back_rows, 100U);
  const Checkpoint after = read_newest_checkpoint(folder.path()).value();
  EXPECT_EQ(after.model, good);
  EXPECT_EQ(after.windows, 10U);
  EXPECT_EQ(after.positions[0].next.offset, 100);
  EXPECT_EQ(after.lifetime.rows, 200U);
  EXPECT_EQ(after.lifetime.rolled_back_rows, 100U);
}

TEST(Trainer, ARollBackBringsAStoppedRunOnItsWayAgain) {
  const support::TempDir folder;
  EXPECT_THROW(TrainingRun(folder.path(), {.learning_rate = kExplosiveRate}).train(), NumericalError);
  TrainingRun run(folder.path(), {.rolls_back = true});
  const Trainer& trainer = run.train();
  EXPECT_EQ(trainer.counts().rolled_back_rows, 20U);
  EXPECT_EQ(trainer.checkpoint().lifetime.rows, 200U);
  EXPECT_EQ(trainer.counts().skipped_steps, 0U);
}

TEST(Trainer, ARunWithoutASingleFiniteUpdateEndsAfterOneRollBack) {
  const support::TempDir folder;
  const auto huge = [](MemorySource& source) {
    for (int row = 0; row < 200; ++row) {
      const char* const value = row % 2 == 0 ? "3e38,3e38,3e38" : "-3e38,-3e38,-3e38";
      source.append(static_cast<std::size_t>(row % 2), {.key = "1", .value = value, .header = {}});
    }
  };
  TrainingRun run(folder.path(), {.rows = 0, .prepare = huge, .rolls_back = true, .standardize = false});
  EXPECT_THROW(run.train(), NumericalError);
  EXPECT_EQ(read_newest_checkpoint(folder.path())->lifetime.rolled_back_rows, 20U);
}

TEST(Trainer, LifetimeAddsUpOverRuns) {
  const support::TempDir folder;
  TrainingRun(folder.path(), {.stop = {.when = StopRule::When::records, .records = 60}}).train();
  TrainingRun second(folder.path(), {});
  const Trainer& trainer = second.train();
  EXPECT_EQ(trainer.counts().rows, 140U);
  EXPECT_EQ(trainer.checkpoint().lifetime.rows, 200U);
  EXPECT_EQ(trainer.checkpoint().windows, 10U);
}

TEST(Trainer, CommitsOnlyWhatADurableCheckpointCovers) {
  const support::TempDir folder;
  TrainingRun run(folder.path(), {});
  run.train();
  ASSERT_EQ(run.committed().size(), 2U);
  for (std::size_t index = 0; index < 2; ++index) {
    EXPECT_EQ(run.committed()[index].offset, 100);
    EXPECT_EQ(run.durable_at_commit()[index].next.offset, 100);
  }
}

TEST(Trainer, CommitsPastControlRecordsAndTrainsUpToRecords) {
  const support::TempDir folder;
  TrainingRun run(folder.path(), {.prepare = [](MemorySource& source) { source.leave_gap(0, 1); }});
  run.train();
  EXPECT_EQ(run.committed()[0].offset, 101);
  EXPECT_EQ(run.durable_at_commit()[0].next.offset, 100);
}

TEST(Trainer, ABadRecordStopsBeforeItsWindowAndNothingIsLost) {
  const support::TempDir folder;
  const auto poison = [](MemorySource& source) {
    source.append(1, {.key = "1", .value = "1,two,3", .header = {}});
    append_rows(source, 40);
  };
  try {
    TrainingRun(folder.path(), {.prepare = poison}).train();
    FAIL() << "the bad record was tolerated";
  } catch (const BadRecordError& error) {
    EXPECT_EQ(error.partition, (TopicPartition{"rows", 1}));
    EXPECT_EQ(error.offset, 100);
    EXPECT_EQ(error.reason, "not_a_number");
    EXPECT_EQ(error.field, "2");
  }
  EXPECT_EQ(read_newest_checkpoint(folder.path())->lifetime.rows, 200U);

  TrainingRun tolerant(folder.path(), {.tolerance = ErrorsTolerance::all, .prepare = poison});
  const Trainer& trainer = tolerant.train();
  EXPECT_EQ(trainer.counts().rows, 40U);
  EXPECT_EQ(trainer.checkpoint().lifetime.bad_records, 1U);
}

TEST(Trainer, ATombstoneIsCountedAndNeverAnError) {
  const support::TempDir folder;
  TrainingRun run(folder.path(), {.prepare = [](MemorySource& source) {
                    source.append(0, {.key = "1", .value = {}, .header = {}});
                  }});
  const Trainer& trainer = run.train();
  EXPECT_EQ(trainer.counts().rows, 200U);
  EXPECT_EQ(trainer.counts().bad_records[static_cast<std::size_t>(BadRecordReason::tombstone)], 1U);
}

// Behind 200 good rows, in partition 1.
void append_one_bad(MemorySource& source) {
  source.append(1, {.key = "1", .value = "1,two,3", .header = {}});
  append_rows(source, 40);
}

TEST(Trainer, AWindowWhoseLettersAreLostIsNotTrained) {
  BadRecordList letters;
  letters.on_wait = [](std::uint64_t) -> bool {
    throw KafkaError(KafkaError::Kind::other, "sending", "TEST", "refused");
  };
  const support::TempDir folder;
  TrainingRun run(folder.path(),
                  {.tolerance = ErrorsTolerance::all, .letters = &letters, .prepare = append_one_bad});
  EXPECT_THROW(run.train(), KafkaError);

  const support::TempDir before;
  TrainingRun(before.path(), {}).train();  // the rows before that window
  EXPECT_EQ(digest_in(folder.path()), digest_in(before.path()));
}

TEST(Trainer, WaitsForTheLettersOfAWindowBeforeAnythingElseHappensToIt) {
  BadRecordList letters;
  std::vector<std::uint64_t> waited_for;
  letters.on_wait = [&](std::uint64_t number) {
    waited_for.push_back(number);
    return true;
  };
  const support::TempDir folder;
  TrainingRun run(
      folder.path(),
      {.tolerance = ErrorsTolerance::all, .letters = &letters, .prepare = [](MemorySource& source) {
         append_one_bad(source);
         append_one_bad(source);
       }});
  const Trainer& trainer = run.train([&](const TrainTick& tick) {
    EXPECT_GE(waited_for.empty() ? 0 : waited_for.back(), tick.counts.dead_letters);
  });
  EXPECT_EQ(waited_for, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(trainer.counts().dead_letters, 2U);
}

TEST(Trainer, AStopWhileLettersAreWaitedForDropsTheWindow) {
  BadRecordList letters;
  const support::TempDir folder;
  TrainingRun run(folder.path(),
                  {.tolerance = ErrorsTolerance::all, .letters = &letters, .prepare = append_one_bad});
  letters.on_wait = [&](std::uint64_t) {
    run.assembler().request_stop();
    letters.wait_for_stop();
    return false;
  };
  const Trainer& trainer = run.train();
  EXPECT_EQ(trainer.counts().rows, 200U);
  EXPECT_EQ(trainer.counts().dead_letters, 0U);
  EXPECT_EQ(run.durable_at_commit()[1].next.offset, 100);
  EXPECT_EQ(run.committed()[1].offset, 100);
}

TEST(Trainer, ASpanOfBadRecordsMovesPositionsAndNotTheWeights) {
  const support::TempDir folder;
  TrainingRun run(folder.path(), {.rows = 0, .tolerance = ErrorsTolerance::all, .prepare = [](auto& source) {
                                    for (int record = 0; record < 3 * int{kWindowRows}; ++record)
                                      source.append(0, {.key = "1", .value = "x", .header = {}});
                                  }});
  const Trainer& trainer = run.train();
  EXPECT_EQ(trainer.counts().windows, 0U);
  EXPECT_EQ(trainer.counts().records, 60U);
  EXPECT_EQ(run.durable_at_commit()[0].next.offset, 60);
  EXPECT_EQ(trainer.checkpoint().model.parameters, initial_model_state(kShape, 1).parameters);
}

TEST(Trainer, TooLargeAShareOfBadRecordsStopsBeforeTheWindowAndNothingIsLost) {
  const support::TempDir folder;
  const auto poison = [](MemorySource& source) {
    append_rows(source, 1800);
    for (int record = 0; record < 500; ++record) source.append(1, {.key = "1", .value = "x", .header = {}});
  };
  TrainingRun run(folder.path(),
                  {.tolerance = ErrorsTolerance::all, .max_bad_share = 0.1, .prepare = poison});
  EXPECT_THROW(run.train(), BadShareError);
  // 2,000 rows, then windows of bad records only: the one that makes it more than a tenth is not taken.
  const Checkpoint checkpoint = read_newest_checkpoint(folder.path()).value();
  EXPECT_EQ(checkpoint.lifetime.rows, 2000U);
  EXPECT_EQ(checkpoint.lifetime.bad_records, 220U);
  EXPECT_EQ(checkpoint.positions[1].next.offset, 1220);
}

TEST(Trainer, ABrokersFailureLeavesACheckpointOfWhatWasTrained) {
  const support::TempDir folder;
  TrainingRun run(folder.path(),
                  {.stop = {.when = StopRule::When::never}, .prepare = [](MemorySource& source) {
                     source.fail(std::make_exception_ptr(
                         KafkaError(KafkaError::Kind::other, "fetching", "TEST", "gone")));
                   }});
  EXPECT_THROW(run.train(), KafkaError);
  EXPECT_EQ(run.durable_at_commit().size(), 2U);
}

TEST(Trainer, ATopicThatFallsQuietIsCheckpointedInTime) {
  const support::TempDir folder;
  TrainingRun run(folder.path(), {.rows = kWindowRows,
                                  .stop = {.when = StopRule::When::never},
                                  .checkpoint_every = std::chrono::milliseconds{20}});
  std::jthread watcher([&](const std::stop_token& gave_up) {
    const auto saved = [&] {
      return read_newest_checkpoint(folder.path()).value_or(Checkpoint{}).lifetime.rows;
    };
    while (saved() < kWindowRows && !gave_up.stop_requested()) std::this_thread::yield();
    run.assembler().request_stop();
  });
  run.train();  // ends only once the checkpoint is there
}

TEST(Trainer, AStopEndsTheStreamAfterTheWindowInHandWithACheckpoint) {
  const support::TempDir folder;
  {
    TrainingRun run(folder.path(), {.rows = 2000, .stop = {.when = StopRule::When::never}});
    run.train([&](const TrainTick& tick) {
      if (tick.counts.windows == 5) run.assembler().request_stop();
    });
  }
  const Checkpoint checkpoint = read_newest_checkpoint(folder.path()).value();
  EXPECT_GE(checkpoint.windows, 5U);
  EXPECT_EQ(checkpoint.lifetime.rows, checkpoint.windows * kWindowRows);
  // What follows is what an uninterrupted run would have trained.
  TrainingRun(folder.path(), {.rows = 2000}).train();
  const support::TempDir whole;
  TrainingRun(whole.path(), {.rows = 2000}).train();
  EXPECT_EQ(digest_in(folder.path()), digest_in(whole.path()));
}

}  // namespace
}  // namespace millrace
