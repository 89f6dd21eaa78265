// Windows over records that are already in the log depend on the log and the settings alone: compared with a
// plain reading of the rules, for many deliveries, thread counts and shapes.

#include <algorithm>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "host/window/taken_window.h"
#include "window/assembler.h"

namespace millrace {
namespace {

using When = StopRule::When;

struct Log {
  std::vector<std::int64_t> offsets;
  std::set<std::int64_t> bad;
};

struct ExpectedWindow {
  std::vector<Place> records;  // by partition and offset
  std::vector<Place> rows;     // the good ones
};

// The rules, on one thread, over whole logs.
std::vector<ExpectedWindow> plain_windows(const std::vector<Log>& logs, std::size_t window_rows) {
  const std::size_t turn = (window_rows + logs.size() - 1) / logs.size();
  std::vector<std::size_t> next(logs.size());
  std::vector<ExpectedWindow> windows;
  for (;;) {
    ExpectedWindow window;
    for (bool more = true; more && window.records.size() < window_rows;) {
      more = false;
      for (std::uint32_t p = 0; p < logs.size(); ++p) {
        for (std::size_t i = 0; i < turn && window.records.size() < window_rows; ++i) {
          if (next[p] == logs[p].offsets.size()) break;
          window.records.emplace_back(p, logs[p].offsets[next[p]++]);
          more = true;
        }
      }
    }
    if (window.records.empty()) return windows;
    std::sort(window.records.begin(), window.records.end());
    for (const Place& place : window.records) {
      if (!logs[place.first].bad.contains(place.second)) window.rows.push_back(place);
    }
    windows.push_back(window);
  }
}

// Logs with gaps inside and control records at the end, some of them empty, and some bad records.
std::vector<Log> make_logs(MemorySource& source, std::mt19937_64& random, std::size_t most_records) {
  std::vector<Log> logs(source.partitions().size());
  for (std::size_t p = 0; p < logs.size(); ++p) {
    const std::size_t count = random() % 4 == 0 ? 0 : random() % (most_records + 1);
    for (std::size_t i = 0; i < count; ++i) {
      if (random() % 16 == 0) source.leave_gap(p, 1 + static_cast<std::int64_t>(random() % 5));
      logs[p].offsets.push_back(source.end_offset(p));
      if (random() % 10 == 0) {
        logs[p].bad.insert(source.end_offset(p));
        append_bad(source, p);
      } else {
        append_rows(source, p, 1);
      }
    }
    source.leave_gap(p, static_cast<std::int64_t>(random() % 3));
  }
  return logs;
}

void expect_same(const std::vector<TakenWindow>& taken, const std::vector<ExpectedWindow>& expected) {
  ASSERT_EQ(taken.size(), expected.size());
  std::vector<std::int64_t> positions(64);
  std::uint64_t next_index = 0;
  for (std::size_t w = 0; w < taken.size(); ++w) {
    SCOPED_TRACE("window " + std::to_string(w) + ": " + told(taken[w].ranges));
    ASSERT_EQ(taken[w].rows, expected[w].rows);
    ASSERT_EQ(taken[w].records, expected[w].records.size());
    ASSERT_TRUE(taken[w].labels_match);
    ASSERT_EQ(taken[w].index, next_index);
    if (!taken[w].rows.empty()) ++next_index;

    const auto& records = expected[w].records;
    std::uint64_t records_of_ranges = 0;
    for (const PartitionRange& range : taken[w].ranges) {
      const auto is_of_range = [&](const Place& place) { return place.first == range.partition; };
      ASSERT_EQ(range.begin.offset, positions[range.partition]);
      const auto last = std::find_if(records.rbegin(), records.rend(), is_of_range);
      ASSERT_EQ(range.end.offset, last->second + 1);
      ASSERT_EQ(range.last_record.offset, last->second);
      ASSERT_EQ(range.records, std::count_if(records.begin(), records.end(), is_of_range));
      ASSERT_EQ(range.rows, std::count_if(taken[w].rows.begin(), taken[w].rows.end(), is_of_range));
      ASSERT_GE(taken[w].commit_offsets[range.partition], range.end.offset);
      positions[range.partition] = range.end.offset;
      records_of_ranges += range.records;
    }
    ASSERT_EQ(records_of_ranges, records.size());
  }
}

void check_deliveries(std::uint64_t seed, std::size_t partitions, std::uint32_t window_rows,
                      std::size_t most_records) {
  std::vector<ExpectedWindow> expected;
  std::vector<std::int64_t> ends;
  for (int delivery = 0; delivery < 4; ++delivery) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", delivery " + std::to_string(delivery));
    MemorySource source(partitions_of_topic(partitions));
    std::mt19937_64 random(seed);
    const std::vector<Log> logs = make_logs(source, random, most_records);
    if (delivery == 0) expected = plain_windows(logs, window_rows);
    if (delivery > 0) source.deliver_at_random(seed * 10 + static_cast<std::uint64_t>(delivery));
    if (delivery == 3) source.limit_outstanding(7);

    AssemblerSettings settings = settings_for(source, window_rows, {.when = When::end});
    settings.decode_threads = 1 + static_cast<unsigned>(delivery);
    settings.slots = 1 + static_cast<std::size_t>(delivery) % 3;
    ends = settings.ends;
    if (delivery == 2) {  // what comes after the end is another run's
      for (std::size_t p = 0; p < partitions; ++p) append_rows(source, p, random() % 5);
    }
    Assembler assembler(source, place_decoder(), settings, &allocate_plain);
    const std::vector<TakenWindow> taken = take_all(assembler);
    ASSERT_NO_FATAL_FAILURE(expect_same(taken, expected));
    EXPECT_EQ(assembler.end().reason, StreamEnd::Reason::end);
    EXPECT_EQ(assembler.end().commit_offsets, ends);
    EXPECT_EQ(source.outstanding(), 0U);
  }
}

TEST(WindowOrder, DependsOnLogAndSettingsAlone) {
  std::mt19937_64 random(1);
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const std::size_t partitions = 1 + random() % 7;
    const auto window_rows = static_cast<std::uint32_t>(1 + random() % 50);
    ASSERT_NO_FATAL_FAILURE(check_deliveries(seed, partitions, window_rows, 120));
  }
}

TEST(WindowOrder, DependsOnLogAndSettingsAloneForWindowsOfManyBatches) {
  for (std::uint64_t seed = 101; seed <= 104; ++seed) {
    ASSERT_NO_FATAL_FAILURE(check_deliveries(seed, 3, 3000, 5000));
  }
}

// While a producer appends and time cuts windows anywhere, each record still comes once and in its place.
TEST(WindowOrder, LosesAndRepeatsNothingWhileTheTopicGrows) {
  constexpr std::size_t kPartitions = 3;
  constexpr std::size_t kRecords = 6000;
  MemorySource source(partitions_of_topic(kPartitions));
  source.deliver_at_random(7);
  AssemblerSettings settings = settings_for(source, 100, {.when = When::records, .records = kRecords});
  settings.window_limit = std::chrono::milliseconds(2);
  Assembler assembler(source, place_decoder(), settings, &allocate_plain);
  std::jthread producer([&] {
    std::mt19937_64 random(8);
    for (std::size_t i = 0; i < kRecords; ++i) append_rows(source, random() % kPartitions, 1);
  });

  std::vector<std::int64_t> next(kPartitions);
  std::uint64_t next_index = 0;
  while (const auto window = take_copy(assembler)) {
    ASSERT_EQ(window->index, next_index++);
    ASSERT_LE(window->rows.size(), 100U);
    ASSERT_FALSE(window->rows.empty());
    ASSERT_TRUE(std::is_sorted(window->rows.begin(), window->rows.end()));
    for (const auto& [partition, offset] : window->rows) ASSERT_EQ(offset, next[partition]++);
    for (const PartitionRange& range : window->ranges) ASSERT_EQ(range.end.offset, next[range.partition]);
  }
  EXPECT_EQ(assembler.end().reason, StreamEnd::Reason::records);
  EXPECT_EQ(assembler.end().commit_offsets, next);
  EXPECT_EQ(next[0] + next[1] + next[2], static_cast<std::int64_t>(kRecords));
}

}  // namespace
}  // namespace millrace
