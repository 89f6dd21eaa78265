// What a window does with its bad records, where there is a place for them.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <stdexcept>
#include <vector>

#include "host/window/taken_window.h"
#include "support/bad_record_list.h"
#include "window/assembler.h"

namespace millrace {
namespace {

using When = StopRule::When;

constexpr StopRule kEnd{.when = When::end};

AssemblerSettings settings_with(BadRecordSink& sink, const MemorySource& source, std::uint32_t window_rows,
                                StopRule stop = kEnd) {
  AssemblerSettings settings = settings_for(source, window_rows, stop);
  settings.bad_records = &sink;
  return settings;
}

Assembler assemble(MemorySource& source, const AssemblerSettings& settings) {
  return {source, place_decoder(), settings, &allocate_plain};
}

// Good rows, bad records and tombstones at random; returns where the bad ones stand.
std::vector<Place> append_mixture(MemorySource& source, std::mt19937_64& random, std::size_t count) {
  std::vector<Place> bad;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t partition = random() % source.partitions().size();
    switch (random() % 4) {
      case 0:
        bad.emplace_back(partition, source.end_offset(partition));
        append_bad(source, partition);
        break;
      case 1:
        source.append(partition, {.key = "1", .value = {}, .header = {}});
        break;
      default:
        append_rows(source, partition, 1);
    }
  }
  std::sort(bad.begin(), bad.end());
  return bad;
}

TEST(BadRecordSink, GetsEveryBadRecordOnceAndNoTombstone) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    MemorySource source(partitions_of_topic(1 + random() % 4));
    const std::vector<Place> bad = append_mixture(source, random, random() % 2000);
    source.deliver_at_random(seed);
    BadRecordList sink;
    {
      Assembler assembler =
          assemble(source, settings_with(sink, source, 1 + static_cast<std::uint32_t>(random() % 300)));
      take_all(assembler);
    }
    std::vector<Place> taken;
    for (const BadRecordList::Taken& record : sink.taken()) {
      taken.emplace_back(record.partition, record.offset);
      EXPECT_EQ(record.reason, BadRecordReason::column_count);
      EXPECT_EQ(record.value, "7");
    }
    std::sort(taken.begin(), taken.end());
    ASSERT_EQ(taken, bad) << "seed " << seed;
  }
}

TEST(BadRecordSink, AWindowKnowsHowManyOfItsRecordsWentThereAndTheNumberOfTheLast) {
  std::mt19937_64 random(5);
  MemorySource source(partitions_of_topic(3));
  append_mixture(source, random, 3000);
  BadRecordList sink;
  Assembler assembler = assemble(source, settings_with(sink, source, 7));
  std::uint64_t sum = 0;
  while (WindowSlot* slot = assembler.take()) {
    const auto bad = slot->bad_records[static_cast<std::size_t>(BadRecordReason::column_count)];
    EXPECT_EQ(slot->letters, bad);
    sum += bad;
    EXPECT_EQ(slot->last_letter, bad == 0 ? 0 : sum);
    assembler.give_back(slot);
  }
  EXPECT_EQ(sum, sink.taken().size());
}

TEST(BadRecordSink, ItsFailureComesAfterTheWindowsBeforeTheBadRecord) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 10);
  append_bad(source, 0);
  BadRecordList sink;
  sink.on_take = [](std::uint64_t) { throw std::runtime_error("no room"); };
  Assembler assembler = assemble(source, settings_with(sink, source, 5));
  EXPECT_EQ(take_copy(assembler)->rows.size(), 5U);
  EXPECT_EQ(take_copy(assembler)->rows.size(), 5U);
  EXPECT_THROW(take_copy(assembler), std::runtime_error);
  EXPECT_EQ(source.outstanding(), 0U);
}

TEST(BadRecordSink, AStopEndsAWaitForRoom) {
  MemorySource source(partitions_of_topic(1));
  append_bad(source, 0);
  BadRecordList sink;
  sink.on_take = [&](std::uint64_t) { sink.wait_for_stop(); };
  Assembler assembler = assemble(source, settings_with(sink, source, 5));
  assembler.request_stop();
  EXPECT_EQ(assembler.take(), nullptr);
}

}  // namespace
}  // namespace millrace
