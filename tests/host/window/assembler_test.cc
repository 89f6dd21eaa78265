#include "window/assembler.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "host/window/taken_window.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Clock = std::chrono::steady_clock;
using Reason = StreamEnd::Reason;
using When = StopRule::When;

constexpr StopRule kEnd{.when = When::end};

// Waits for what another thread brings about.
void await(const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    ASSERT_LT(Clock::now(), deadline) << "waited in vain";
    std::this_thread::yield();
  }
}

Assembler assemble(MemorySource& source, const AssemblerSettings& settings) {
  return {source, place_decoder(), settings, &allocate_plain};
}

// ---- What a window holds ----

TEST(Assembler, PutsTheTurnsOfAPartitionTogether) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, 6);
  append_rows(source, 1, 2);
  Assembler assembler = assemble(source, settings_for(source, 6, kEnd));
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(2));
  EXPECT_EQ(told(windows[0].ranges), "p0 [0, 4) 4/4  p1 [0, 2) 2/2");
  EXPECT_THAT(windows[0].rows,
              ElementsAre(Place{0, 0}, Place{0, 1}, Place{0, 2}, Place{0, 3}, Place{1, 0}, Place{1, 1}));
  EXPECT_EQ(told(windows[1].ranges), "p0 [4, 6) 2/2");
}

TEST(Assembler, LeavesHolesForBadRecordsAndCountsThem) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, 2);
  append_bad(source, 0);
  append_rows(source, 0, 1);
  source.append(1, {.key = "1"});
  source.append(1, {.key = "3", .value = "1,1"});
  Assembler assembler = assemble(source, settings_for(source, 8, kEnd));
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(1));
  const TakenWindow& window = windows[0];
  EXPECT_EQ(told(window.ranges), "p0 [0, 4) 4/3  p1 [0, 2) 2/0");
  EXPECT_THAT(window.rows, ElementsAre(Place{0, 0}, Place{0, 1}, Place{0, 3}));
  EXPECT_EQ(window.records, 6U);
  BadRecordCounts expected{};
  expected[static_cast<std::size_t>(BadRecordReason::column_count)] = 1;
  expected[static_cast<std::size_t>(BadRecordReason::tombstone)] = 1;
  expected[static_cast<std::size_t>(BadRecordReason::label_invalid)] = 1;
  EXPECT_EQ(window.bad_records, expected);
  ASSERT_TRUE(window.first_bad.has_value());
  EXPECT_EQ(window.first_bad->partition, 0U);
  EXPECT_EQ(window.first_bad->offset, 2);
  EXPECT_EQ(window.first_bad->reason, BadRecordReason::column_count);
}

TEST(Assembler, NamesTheFirstBadRecordByPartitionAndOffsetTombstonesAside) {
  MemorySource source(partitions_of_topic(2));
  source.append(0, {.key = "1"});
  append_rows(source, 0, 3);  // more than one turn
  append_bad(source, 0);
  append_bad(source, 1);
  Assembler assembler = assemble(source, settings_for(source, 6, kEnd));
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(1));
  ASSERT_TRUE(windows[0].first_bad.has_value());
  EXPECT_EQ(windows[0].first_bad->partition, 0U);
  EXPECT_EQ(windows[0].first_bad->offset, 4);
}

TEST(Assembler, HandsOverBadRecordsAloneWithoutRowsAndWithoutAnIndex) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 3);
  for (int i = 0; i < 3; ++i) append_bad(source, 0);
  append_rows(source, 0, 3);
  AssemblerSettings settings = settings_for(source, 3, kEnd);
  settings.first_window_index = 40;
  Assembler assembler = assemble(source, settings);
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(3));
  EXPECT_EQ(windows[0].index, 40U);
  EXPECT_THAT(windows[1].rows, IsEmpty());
  EXPECT_EQ(told(windows[1].ranges), "p0 [3, 6) 3/0");
  EXPECT_EQ(windows[1].bad_records[static_cast<std::size_t>(BadRecordReason::column_count)], 3U);
  EXPECT_THAT(windows[1].commit_offsets, ElementsAre(6));
  EXPECT_EQ(windows[2].index, 41U);
}

TEST(Assembler, TellsTheOldestAndTheNewestTimestamp) {
  MemorySource source(partitions_of_topic(1));
  for (const std::int64_t timestamp : {-1, 70, 50, 60}) {
    MemorySource::Record record = record_at(0, source.end_offset(0));
    record.timestamp_ms = timestamp;
    source.append(0, record);
  }
  append_rows(source, 0, 4);  // without
  Assembler assembler = assemble(source, settings_for(source, 4, kEnd));
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(2));
  EXPECT_EQ(windows[0].oldest_timestamp_ms, 50);
  EXPECT_EQ(windows[0].newest_timestamp_ms, 70);
  EXPECT_EQ(windows[1].oldest_timestamp_ms, -1);
  EXPECT_EQ(windows[1].newest_timestamp_ms, -1);
}

TEST(Assembler, BeginsRangesWhereTheSourceBegins) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 10);
  source.start_at(0, 4);
  AssemblerSettings settings = settings_for(source, 100, kEnd);
  settings.starts = {{.offset = 4}};
  Assembler assembler = assemble(source, settings);
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(1));
  EXPECT_EQ(told(windows[0].ranges), "p0 [4, 10) 6/6");
}

TEST(Assembler, FillsWindowsLargerThanWhatTheSourceMayHold) {
  MemorySource source(partitions_of_topic(1));
  source.limit_outstanding(10);
  append_rows(source, 0, 1000);
  Assembler assembler = assemble(source, settings_for(source, 1000));
  const auto window = take_copy(assembler);
  ASSERT_TRUE(window);
  EXPECT_THAT(window->rows, SizeIs(1000));
}

// ---- Time ----

TEST(Assembler, ClosesAShortWindowWhenItsTimeIsUp) {
  MemorySource source(partitions_of_topic(2));
  AssemblerSettings settings = settings_for(source, 100);
  settings.window_limit = milliseconds(20);
  Assembler assembler = assemble(source, settings);
  const auto appended = Clock::now();
  append_rows(source, 1, 3);
  auto window = take_copy(assembler);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->ranges.front().begin.offset, 0);
  EXPECT_GE(Clock::now() - appended, settings.window_limit);
  while (window->ranges.front().end.offset < 3)
    window = take_copy(assembler);  // a slow machine may cut earlier
  append_rows(source, 0, 1);
  window = take_copy(assembler);
  ASSERT_TRUE(window);
  EXPECT_EQ(told(window->ranges), "p0 [0, 1) 1/1");
}

TEST(Assembler, TakesWhatTheOthersHaveWhenAPartitionDoesNotDeliverInTime) {
  for (const std::size_t late : {0U, 1U}) {
    MemorySource source(partitions_of_topic(3));
    for (std::size_t p = 0; p < 3; ++p) append_rows(source, p, 5 + p);
    source.hold_back(late, true);
    AssemblerSettings settings = settings_for(source, 100);
    settings.window_limit = milliseconds(20);
    Assembler assembler = assemble(source, settings);
    const auto window = take_copy(assembler);
    ASSERT_TRUE(window);
    EXPECT_EQ(told(window->ranges),
              late == 0 ? "p1 [0, 6) 6/6  p2 [0, 7) 7/7" : "p0 [0, 5) 5/5  p2 [0, 7) 7/7");
    source.hold_back(late, false);
    const auto next = take_copy(assembler);
    ASSERT_TRUE(next);
    EXPECT_EQ(told(next->ranges), late == 0 ? "p0 [0, 5) 5/5" : "p1 [0, 6) 6/6");
  }
}

TEST(Assembler, WaitsForAPartitionThatIsLateButInTime) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, 3);
  append_rows(source, 1, 3);
  source.hold_back(0, true);
  Assembler assembler = assemble(source, settings_for(source, 4));
  EXPECT_FALSE(assembler.ready());
  EXPECT_EQ(source.pulled(), 0U);
  source.hold_back(0, false);
  const auto window = take_copy(assembler);
  ASSERT_TRUE(window);
  EXPECT_EQ(told(window->ranges), "p0 [0, 2) 2/2  p1 [0, 2) 2/2");
}

TEST(Assembler, FillsAWindowAcrossALiveEnd) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 3);
  Assembler assembler = assemble(source, settings_for(source, 5));
  await([&] { return source.pulled() == 3; });
  EXPECT_FALSE(assembler.ready());
  append_rows(source, 0, 2);
  const auto window = take_copy(assembler);
  ASSERT_TRUE(window);
  EXPECT_EQ(told(window->ranges), "p0 [0, 5) 5/5");
}

// Answers pulls as it was told and writes down who was asked; `W` is a wait.
class ScriptedSource final : public RecordSource {
 public:
  ScriptedSource(std::size_t partitions, std::vector<PullOutcome> answers)
      : partitions_(partitions_of_topic(partitions)), answers_(std::move(answers)) {}

  [[nodiscard]] std::span<const TopicPartition> partitions() const override { return partitions_; }
  PullOutcome pull(std::size_t index, std::size_t, RecordBatch& batch) override {
    const PullOutcome answer = answers_.at(answered_++);
    asked += std::to_string(index);
    for (std::size_t i = answer.appended; i > 0; --i) {
      const std::int64_t offset = answer.next_offset - static_cast<std::int64_t>(i);
      batch.append({.offset = offset, .key = "0", .value = "0,0", .has_key = true, .has_value = true},
                   nullptr, nullptr);
    }
    return answer;
  }
  void wait(milliseconds) override { asked += 'W'; }
  void wake() noexcept override {}

  std::string asked;  // read after the assembler ended

 private:
  const std::vector<TopicPartition> partitions_;
  const std::vector<PullOutcome> answers_;
  std::size_t answered_ = 0;
};

TEST(Assembler, PassesAPartitionOverOnlyAtAnEndWithNothingPulledSince) {
  const PullOutcome nothing{};
  const auto one = [](std::int64_t next) { return PullOutcome{.appended = 1, .next_offset = next}; };
  const auto end = [](std::int64_t next) { return PullOutcome{.at_end = true, .next_offset = next}; };
  // Turns of two rows. Both reach their end; then partition 0 gives one more and is late with the next.
  ScriptedSource source(2,
                        {one(1), end(1), end(0), nothing, nothing, one(2), nothing, nothing, one(3), one(1)});
  const AssemblerSettings settings{.window_rows = 4,
                                   .window_limit = std::chrono::hours(1),
                                   .stop = {.when = When::records, .records = 4},
                                   .starts = std::vector<Position>(2),
                                   .slots = 1,
                                   .fingerprint = &fingerprint_of};
  Assembler assembler(source, place_decoder(), settings, &allocate_plain);
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(1));
  EXPECT_EQ(told(windows[0].ranges), "p0 [0, 3) 3/3  p1 [0, 1) 1/1");
  EXPECT_EQ(source.asked, "001W01W00W0W01");
}

// ---- Stops ----

TEST(Assembler, TakesNothingAtOrBeyondTheEnd) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, 5);
  const AssemblerSettings settings = settings_for(source, 3, kEnd);
  append_rows(source, 0, 4);
  append_rows(source, 1, 4);
  Assembler assembler = assemble(source, settings);
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(2));
  EXPECT_EQ(told(windows[1].ranges), "p0 [3, 5) 2/2");
  EXPECT_EQ(assembler.end().reason, Reason::end);
  EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(5, 0));
}

TEST(Assembler, ReachesAnEndBehindControlRecords) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, 3);
  source.leave_gap(0, 2);
  source.leave_gap(1, 1);
  Assembler assembler = assemble(source, settings_for(source, 3, kEnd));
  EXPECT_THAT(take_all(assembler), SizeIs(1));
  EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(5, 1));
}

TEST(Assembler, ReachesAnEndByARecordBeyondIt) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 2);
  source.leave_gap(0, 4);
  AssemblerSettings settings = settings_for(source, 10, kEnd);
  settings.ends = {4};
  append_rows(source, 0, 1);
  Assembler assembler = assemble(source, settings);
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(1));
  EXPECT_THAT(windows[0].rows, SizeIs(2));
  EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(4));
}

TEST(Assembler, EndsAtOnceWhereEveryPartitionIsAtItsEnd) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, 3);
  source.start_at(0, 3);
  AssemblerSettings settings = settings_for(source, 10, kEnd);
  settings.starts[0].offset = 3;
  Assembler assembler = assemble(source, settings);
  EXPECT_THAT(take_all(assembler), IsEmpty());
  EXPECT_EQ(assembler.end().reason, Reason::end);
  EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(3, 0));
  EXPECT_EQ(source.pulled(), 0U);
}

TEST(Assembler, StopsWhenNoRecordCameForAWhile) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 1, 3);
  source.leave_gap(1, 1);
  const auto begun = Clock::now();
  Assembler assembler =
      assemble(source, settings_for(source, 2, {.when = When::idle, .idle = milliseconds(50)}));
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(2));
  EXPECT_EQ(told(windows[1].ranges), "p1 [2, 3) 1/1");
  EXPECT_EQ(assembler.end().reason, Reason::idle);
  EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(0, 4));
  EXPECT_GE(Clock::now() - begun, milliseconds(50));
}

TEST(Assembler, IsNotIdleWhileAnotherPartitionThanTheOneWhoseTurnItIsHasRecords) {
  MemorySource source(partitions_of_topic(2));
  source.hold_back(0, true);
  append_rows(source, 1, 13);
  Assembler assembler =
      assemble(source, settings_for(source, 10, {.when = When::idle, .idle = milliseconds(20)}));
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(2));
  EXPECT_EQ(told(windows[0].ranges), "p1 [0, 10) 10/10");
  EXPECT_EQ(told(windows[1].ranges), "p1 [10, 13) 3/3");
}

TEST(Assembler, DoesNotTakeASlowTrainerForAnIdleTopic) {
  constexpr milliseconds kIdle{200};
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 2);
  AssemblerSettings settings = settings_for(source, 2, {.when = When::idle, .idle = kIdle});
  settings.slots = 1;
  Assembler assembler = assemble(source, settings);
  WindowSlot* const slot = assembler.take();
  const auto taken = Clock::now();
  await([&] { return Clock::now() > taken + 2 * kIdle; });
  const auto given_back = Clock::now();
  assembler.give_back(slot);
  EXPECT_EQ(assembler.take(), nullptr);
  EXPECT_GE(Clock::now() - given_back, kIdle / 2);
}

TEST(Assembler, TakesExactlyTheRecordsAskedForBadOnesIncluded) {
  MemorySource source(partitions_of_topic(2));
  append_bad(source, 0);
  append_rows(source, 0, 20);
  append_rows(source, 1, 20);
  Assembler assembler = assemble(source, settings_for(source, 4, {.when = When::records, .records = 7}));
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(2));
  EXPECT_EQ(told(windows[0].ranges), "p0 [0, 2) 2/1  p1 [0, 2) 2/2");
  EXPECT_EQ(told(windows[1].ranges), "p0 [2, 4) 2/2  p1 [2, 3) 1/1");
  EXPECT_EQ(assembler.end().reason, Reason::records);
  EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(4, 3));
  EXPECT_EQ(source.pulled(), 7U);
}

TEST(Assembler, DropsOnRequestWhatWasNotTaken) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 25);
  AssemblerSettings settings = settings_for(source, 10);
  settings.slots = 4;
  Assembler assembler = assemble(source, settings);
  ASSERT_TRUE(take_copy(assembler));
  await([&] { return source.pulled() == 25; });
  assembler.request_stop();
  EXPECT_EQ(assembler.take(), nullptr);
  EXPECT_EQ(assembler.end().reason, Reason::stopped);
  EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(10));
  EXPECT_EQ(source.outstanding(), 0U);
}

TEST(Assembler, StopsOnRequestWhereverItWaits) {
  for (const std::size_t records : {0U, 5U, 100U}) {  // for the first record, for more, for a slot
    MemorySource source(partitions_of_topic(1));
    append_rows(source, 0, records);
    Assembler assembler = assemble(source, settings_for(source, 10));
    std::jthread signal([&] {
      await([&] { return source.pulled() >= std::min<std::size_t>(records, 30); });
      assembler.request_stop();
    });
    const auto begun = Clock::now();
    while (records < 100 && assembler.take() != nullptr) FAIL() << "no window was complete";
    signal.join();
    EXPECT_EQ(assembler.take(), nullptr);
    EXPECT_LT(Clock::now() - begun, std::chrono::seconds(5));  // the source's wait was ended, not sat through
    EXPECT_EQ(assembler.end().reason, Reason::stopped);
    EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(0));
  }
}

// Takes its time to come back from a wait.
class LingeringSource final : public RecordSource {
 public:
  [[nodiscard]] std::span<const TopicPartition> partitions() const override { return partitions_; }
  PullOutcome pull(std::size_t, std::size_t, RecordBatch&) override { return {}; }
  void wait(milliseconds) override {
    in_use = true;
    await([&] { return woken_.load(); });
    const auto woken_at = Clock::now();
    await([&] { return Clock::now() > woken_at + milliseconds(20); });
    in_use = false;
  }
  void wake() noexcept override { woken_ = true; }

  std::atomic<bool> in_use = false;

 private:
  const std::vector<TopicPartition> partitions_ = partitions_of_topic(1);
  std::atomic<bool> woken_ = false;
};

TEST(Assembler, LeavesTheSourceAloneOnceItHasEnded) {
  LingeringSource source;
  const AssemblerSettings settings{
      .window_rows = 4, .starts = std::vector<Position>(1), .slots = 1, .fingerprint = &fingerprint_of};
  Assembler assembler(source, place_decoder(), settings, &allocate_plain);
  await([&] { return source.in_use.load(); });
  assembler.request_stop();
  EXPECT_EQ(assembler.take(), nullptr);
  EXPECT_FALSE(source.in_use);
}

TEST(Assembler, CanBeDestroyedAtAnyMoment) {
  for (int round = 0; round < 200; ++round) {
    MemorySource source(partitions_of_topic(2));
    source.deliver_at_random(static_cast<std::uint64_t>(round));
    append_rows(source, 0, 300);
    append_rows(source, 1, 300);
    Assembler assembler = assemble(source, settings_for(source, 200));
    if (round % 2 == 0) await([&] { return source.pulled() >= static_cast<std::size_t>(round); });
  }
}

// ---- What goes wrong ----

TEST(Assembler, ThrowsWhatTheSourceThrewAfterTheWindowsBeforeIt) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 15);
  Assembler assembler = assemble(source, settings_for(source, 10));
  await([&] { return source.pulled() == 15; });
  source.fail(
      std::make_exception_ptr(DataLossError(DataLossError::Kind::deleted, {"topic", 0}, 15, 100, 200)));
  ASSERT_TRUE(take_copy(assembler));
  EXPECT_THROW(assembler.take(), DataLossError);
  EXPECT_THROW(assembler.take(), DataLossError);
  EXPECT_EQ(source.outstanding(), 0U);
}

class ThrowingDecoder final : public Decoder {
 public:
  [[nodiscard]] std::uint32_t features() const override { return 2; }
  void decode(std::span<const RecordView> records, std::uint32_t first_row, float* values, float* labels,
              std::span<DecodeOutcome> outcomes) const override {
    for (const RecordView& record : records) {
      if (record.offset == 1500) throw std::runtime_error("decoder");
    }
    place_decoder().decode(records, first_row, values, labels, outcomes);
  }
  [[nodiscard]] std::string field_name(std::int32_t field) const override {
    return place_decoder().field_name(field);
  }
};

TEST(Assembler, ThrowsWhatTheDecoderThrew) {
  for (const std::size_t outstanding : {std::size_t{10}, std::numeric_limits<std::size_t>::max()}) {
    MemorySource source(partitions_of_topic(1));
    source.limit_outstanding(outstanding);  // small batches are not handed to other threads
    append_rows(source, 0, 5000);
    const ThrowingDecoder decoder;
    Assembler assembler(source, decoder, settings_for(source, 1000), &allocate_plain);
    ASSERT_TRUE(take_copy(assembler));
    EXPECT_THROW(assembler.take(), std::runtime_error);
    EXPECT_EQ(source.outstanding(), 0U);
  }
}

TEST(Assembler, PullsNoMoreThanItsSlotsHoldWhateverTheTrainerDoes) {
  constexpr std::size_t kSlots = 3;
  constexpr std::uint32_t kRows = 50;
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, 2000);
  append_rows(source, 1, 2000);
  AssemblerSettings settings = settings_for(source, kRows, kEnd);
  settings.slots = kSlots;
  Assembler assembler = assemble(source, settings);
  std::size_t given_back = 0;
  for (;;) {
    const std::size_t bound = std::min<std::size_t>((given_back + kSlots) * kRows, 4000);
    await([&] { return source.pulled() == bound; });
    WindowSlot* const slot = assembler.take();
    if (slot == nullptr) break;
    ASSERT_EQ(source.pulled(), bound);
    assembler.give_back(slot);
    ++given_back;
  }
  EXPECT_EQ(given_back, 80U);
}

TEST(Assembler, RefusesSettingsThatBreakItsContract) {
  MemorySource source(partitions_of_topic(2));
  const auto refuses = [&](const std::function<void(AssemblerSettings&)>& change) {
    AssemblerSettings settings = settings_for(source, 10, kEnd);
    change(settings);
    EXPECT_THROW(assemble(source, settings), std::invalid_argument);
  };
  refuses([](AssemblerSettings& s) { s.window_rows = 0; });
  refuses([](AssemblerSettings& s) { s.slots = 0; });
  refuses([](AssemblerSettings& s) { s.decode_threads = 0; });
  refuses([](AssemblerSettings& s) { s.starts.pop_back(); });
  refuses([](AssemblerSettings& s) { s.ends.pop_back(); });
  refuses([](AssemblerSettings& s) { s.stop = {}; });
  refuses([](AssemblerSettings& s) { s.fingerprint = nullptr; });
  refuses([](AssemblerSettings& s) { s.window_limit = milliseconds::max(); });
}

}  // namespace
}  // namespace millrace
