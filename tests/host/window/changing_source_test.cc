// Partitions that are found while windows are made, and records that are lost meanwhile.

#include <algorithm>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "host/window/taken_window.h"
#include "window/assembler.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using When = StopRule::When;

// A window by what it took from where, whatever the partitions' indices.
struct NamedWindow {
  std::vector<Place> rows;
  std::vector<std::string> ranges;

  bool operator==(const NamedWindow&) const = default;
};

NamedWindow named(const TakenWindow& window, const std::vector<TopicPartition>& partitions) {
  NamedWindow named{.rows = window.rows, .ranges = {}};
  for (const PartitionRange& range : window.ranges) {
    const TopicPartition& partition = partitions[range.partition];
    named.ranges.push_back(partition.topic + "/" + std::to_string(partition.partition) + " " +
                           std::to_string(range.begin.offset) + " " + std::to_string(range.end.offset));
  }
  return named;
}

StopRule after(std::uint64_t records) { return {.when = When::records, .records = records}; }

// Three topics; some of their partitions are there from the start, the others are found after one window.
class GrowingTopics {
 public:
  explicit GrowingTopics(std::uint64_t seed) : random_(seed) {
    for (const char* topic : {"a", "b", "c"}) {
      const auto count = static_cast<std::int32_t>(1 + random_() % 3);
      for (std::int32_t number = 0; number < count; ++number) {
        const bool is_late = number > 0 && random_() % 2 == 0;
        (is_late ? late_ : early_).push_back({topic, number});
        all_.push_back({topic, number});
      }
    }
    std::ranges::shuffle(late_, random_);
    for (const TopicPartition& partition : all_) rows_[partition] = 20 + random_() % 60;
    window_rows_ = static_cast<std::uint32_t>(1 + random_() % 40);
  }

  // The first window, and those after the others were found.
  std::vector<NamedWindow> windows_of_a_growing_source() {
    MemorySource source(early_);
    if (random_() % 2 == 0) source.deliver_at_random(random_());
    for (std::size_t index = 0; index < early_.size(); ++index) append(source, index, early_[index]);
    std::vector<TopicPartition> read = early_;
    AssemblerSettings settings = settings_for(source, window_rows_, after(all_records()));
    settings.slots = 1;  // so that a window is not begun before the one before it was given back
    Assembler assembler(source, place_decoder(), settings, &allocate_plain);
    std::vector<NamedWindow> windows;
    while (WindowSlot* slot = assembler.take()) {
      for (const PartitionStart& found : slot->new_partitions) read.push_back(found.partition);
      windows.push_back(named(copy_of(*slot), read));
      if (windows.size() == 1) {
        for (const PartitionRange& range : slot->ranges) first_ends_[range.partition] = range.end.offset;
        for (const TopicPartition& partition : late_) {
          append(source, source.add_partition(partition), partition);
        }
      }
      assembler.give_back(slot);
    }
    EXPECT_EQ(read.size(), all_.size());
    return windows;
  }

  // Over a source that has them all, from where the first window ended.
  std::vector<NamedWindow> windows_of_a_whole_source() const {
    MemorySource source(all_);
    AssemblerSettings settings = settings_for(source, window_rows_);
    std::uint64_t records = all_records();
    for (std::size_t index = 0; index < all_.size(); ++index) {
      append(source, index, all_[index]);
      const auto before = std::ranges::find(early_, all_[index]);
      const auto end = first_ends_.find(static_cast<std::size_t>(before - early_.begin()));
      if (before == early_.end() || end == first_ends_.end()) continue;
      settings.starts[index] = {.offset = end->second};
      source.start_at(index, end->second);
      records -= static_cast<std::uint64_t>(end->second);
    }
    settings.stop = after(records);
    if (records == 0) return {};
    Assembler assembler(source, place_decoder(), settings, &allocate_plain);
    std::vector<NamedWindow> windows;
    for (const TakenWindow& window : take_all(assembler)) windows.push_back(named(window, all_));
    return windows;
  }

 private:
  // Rows that say the place of the partition among all, whatever its index in the source.
  void append(MemorySource& source, std::size_t index, const TopicPartition& partition) const {
    const auto place = static_cast<std::size_t>(std::ranges::find(all_, partition) - all_.begin());
    for (std::int64_t offset = 0; offset < static_cast<std::int64_t>(rows_.at(partition)); ++offset) {
      source.append(index, record_at(place, offset));
    }
  }
  std::uint64_t all_records() const {
    std::uint64_t records = 0;
    for (const auto& [partition, rows] : rows_) records += rows;
    return records;
  }

  std::mt19937_64 random_;
  std::vector<TopicPartition> early_, late_, all_;  // all_ and early_ are sorted
  std::map<TopicPartition, std::size_t> rows_;
  std::map<std::size_t, std::int64_t> first_ends_;  // of the first window's ranges, by index in early_
  std::uint32_t window_rows_ = 0;
};

TEST(ChangingSource, WindowsEqualThoseOfASourceThatHadAllPartitionsBefore) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    GrowingTopics topics(seed);
    std::vector<NamedWindow> growing = topics.windows_of_a_growing_source();
    ASSERT_FALSE(growing.empty());
    growing.erase(growing.begin());
    ASSERT_TRUE(growing == topics.windows_of_a_whole_source());
  }
}

TEST(ChangingSource, ANewPartitionOfAQuietTopicIsRead) {
  MemorySource source(partitions_of_topic(1));
  Assembler assembler(source, place_decoder(), settings_for(source, 3), &allocate_plain);
  append_rows(source, source.add_partition({"topic", 1}), 3);
  WindowSlot* const slot = assembler.take();
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(told(slot->ranges), "p1 [0, 3) 3/3");
  EXPECT_THAT(slot->new_partitions, ElementsAre(PartitionStart{{"topic", 1}, {}}));
  EXPECT_THAT(slot->commit_offsets, ElementsAre(0, 3));
}

TEST(ChangingSource, ARunToTheEndIgnoresLaterPartitions) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 5);
  const AssemblerSettings settings = settings_for(source, 2, {.when = When::end});
  append_rows(source, source.add_partition({"topic", 1}), 3);
  Assembler assembler(source, place_decoder(), settings, &allocate_plain);
  EXPECT_THAT(take_all(assembler), SizeIs(3));
  EXPECT_THAT(assembler.end().commit_offsets, ElementsAre(5));
}

TEST(ChangingSource, RecordsThatWereDeletedArePassedOver) {
  MemorySource source(partitions_of_topic(2));
  append_rows(source, 0, 10);
  append_rows(source, 1, 10);
  source.delete_before(1, 4);
  Assembler assembler(source, place_decoder(), settings_for(source, 8, after(16)), &allocate_plain);
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(3));
  EXPECT_EQ(told(windows[0].ranges), "p0 [0, 4) 4/4");  // cut where the loss was met
  EXPECT_EQ(told(windows[1].ranges), "p0 [4, 8) 4/4  p1 [4, 8) 4/4");
  EXPECT_EQ(told(windows[2].ranges), "p0 [8, 10) 2/2  p1 [8, 10) 2/2");
}

TEST(ChangingSource, ALogMadeAnewIsReadFromItsBeginning) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 6);
  AssemblerSettings settings = settings_for(source, 4, after(9));
  settings.slots = 1;
  Assembler assembler(source, place_decoder(), settings, &allocate_plain);
  WindowSlot* const slot = assembler.take();
  EXPECT_EQ(told(slot->ranges), "p0 [0, 4) 4/4");
  source.make_anew(0);
  append_rows(source, 0, 5);
  assembler.give_back(slot);
  const auto windows = take_all(assembler);
  ASSERT_THAT(windows, SizeIs(2));
  EXPECT_EQ(told(windows[0].ranges), "p0 [0, 4) 4/4");
  EXPECT_EQ(told(windows[1].ranges), "p0 [4, 5) 1/1");
  EXPECT_THAT(windows[0].commit_offsets, ElementsAre(4));
}

TEST(ChangingSource, ARunToTheEndDoesNotWaitForTheEndOfALogThatIsNoMore) {
  MemorySource source(partitions_of_topic(1));
  append_rows(source, 0, 6);
  AssemblerSettings settings = settings_for(source, 4, {.when = When::end});
  settings.slots = 1;
  Assembler assembler(source, place_decoder(), settings, &allocate_plain);
  WindowSlot* const slot = assembler.take();
  source.make_anew(0);
  assembler.give_back(slot);
  EXPECT_THAT(take_all(assembler), IsEmpty());
  EXPECT_EQ(assembler.end().reason, StreamEnd::Reason::end);
}

}  // namespace
}  // namespace millrace
