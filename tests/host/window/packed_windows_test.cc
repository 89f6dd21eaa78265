// Windows over records that hold many rows, against windows over the same rows in a record each.
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <random>
#include <stop_token>
#include <vector>

#include "decode/packed_decoder.h"
#include "decode/packed_writer.h"
#include "host/window/taken_window.h"
#include "support/bad_record_list.h"
#include "window/range_reader.h"
#include "window/rows_digest.h"

namespace millrace {
namespace {

using When = StopRule::When;
constexpr StopRule kEnd{.when = When::end};

const PackedDecoder& packed_decoder() {
  static const PackedDecoder decoder(
      {.format = RecordFormat::packed, .features = 2, .label = {LabelRule::From::column, "label"}});
  return decoder;
}

// Rows as in record_at(), `count` of them from `first` on.
MemorySource::Record packed_record(std::size_t partition, std::size_t first, std::size_t count) {
  PackedWriter writer(2, true);
  for (std::size_t row = first; row < first + count; ++row) {
    writer.add(std::vector<float>{static_cast<float>(partition), static_cast<float>(row)},
               row % 2 == 0 ? 0.0F : 1.0F);
  }
  return {.key = {}, .value = std::string(writer.take()), .header = {}};
}
MemorySource::Record bad_record() { return {.key = {}, .value = "mrpk", .header = {}}; }

// The same rows and bad records in two topics; rows of the packed records by partition and offset.
struct Twins {
  MemorySource plain;
  MemorySource packed;
  std::vector<std::vector<std::int32_t>> rows_of;  // 1 for a bad one
  std::uint64_t rows = 0;
  std::uint64_t bad = 0;

  explicit Twins(std::size_t partitions)
      : plain(partitions_of_topic(partitions)),
        packed(partitions_of_topic(partitions)),
        rows_of(partitions) {}
};

void fill(Twins& twins, std::mt19937_64& random, std::size_t most_records, std::size_t most_rows) {
  for (std::size_t partition = 0; partition < twins.rows_of.size(); ++partition) {
    std::size_t row = 0;
    for (std::size_t record = random() % (most_records + 1); record > 0; --record) {
      const bool is_bad = random() % 8 == 0;
      const std::size_t count = is_bad ? 1 : 1 + random() % most_rows;
      twins.packed.append(partition, is_bad ? bad_record() : packed_record(partition, row, count));
      twins.rows_of[partition].push_back(static_cast<std::int32_t>(count));
      for (std::size_t i = 0; i < count; ++i) {
        twins.plain.append(partition, is_bad ? MemorySource::Record{.key = "1", .value = "7"}
                                             : record_at(partition, static_cast<std::int64_t>(row + i)));
      }
      if (is_bad) {
        ++twins.bad;
      } else {
        row += count;
        twins.rows += count;
      }
    }
  }
}

struct Window {
  TakenWindow taken;
  std::uint64_t digest = 0;
};

std::vector<Window> windows_of(Assembler& assembler) {
  std::vector<Window> windows;
  while (WindowSlot* const slot = assembler.take()) {
    windows.push_back({copy_of(*slot), slot->rows > 0 ? rows_digest(slot->view()) : 0});
    assembler.give_back(slot);
  }
  return windows;
}

std::vector<Window> windows_of(MemorySource& source, const Decoder& decoder,
                               const AssemblerSettings& settings) {
  Assembler assembler(source, decoder, settings, &allocate_plain);
  return windows_of(assembler);
}

// A topic at random, and how it is cut into windows.
struct Case {
  std::mt19937_64 random;
  Twins twins;
  std::uint32_t window_rows;

  explicit Case(std::uint64_t seed)
      : random(seed), twins(1 + random() % 4), window_rows(1 + static_cast<std::uint32_t>(random() % 100)) {
    fill(twins, random, 60, std::size_t{1} << random() % 9);
    twins.packed.deliver_at_random(seed);
  }

  [[nodiscard]] std::vector<Window> packed_windows(StopRule stop = kEnd) {
    return windows_of(twins.packed, packed_decoder(), settings_for(twins.packed, window_rows, stop));
  }
};

constexpr std::uint64_t kSeeds = 60;

TEST(PackedWindows, AreThoseOfTheSameRowsInARecordEach) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Case one(seed);
    const std::vector<Window> packed = one.packed_windows();
    const std::vector<Window> plain =
        windows_of(one.twins.plain, place_decoder(), settings_for(one.twins.plain, one.window_rows, kEnd));
    ASSERT_EQ(packed.size(), plain.size()) << "seed " << seed;
    for (std::size_t i = 0; i < packed.size(); ++i) {
      ASSERT_EQ(packed[i].taken.rows, plain[i].taken.rows) << "seed " << seed << " window " << i;
      ASSERT_EQ(packed[i].digest, plain[i].digest);
      ASSERT_TRUE(packed[i].taken.labels_match);
      ASSERT_EQ(sum_of(packed[i].taken.bad_records), sum_of(plain[i].taken.bad_records));
    }
  }
}

// A record counts where its last row is, and is committed once that is trained.
TEST(PackedWindows, TellWhereTheyBeganAndEndedAndCountARecordWhereItEnds) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Case one(seed);
    std::vector<Position> at(one.twins.rows_of.size());
    std::uint64_t records = 0;
    for (const Window& window : one.packed_windows()) {
      std::uint64_t places = 0;
      for (const PartitionRange& range : window.taken.ranges) {
        const std::vector<std::int32_t>& rows_of = one.twins.rows_of[range.partition];
        ASSERT_EQ(range.begin, at[range.partition]) << "seed " << seed;
        ASSERT_LT(range.begin, range.end);
        ASSERT_EQ(range.records, static_cast<std::uint64_t>(range.end.offset - range.begin.offset));
        std::int64_t rows = range.end.row - range.begin.row;
        for (auto offset = range.begin.offset; offset < range.end.offset; ++offset) {
          rows += rows_of[static_cast<std::size_t>(offset)];
        }
        places += static_cast<std::uint64_t>(rows);
        ASSERT_EQ(range.last_record.offset, range.end.offset - (range.end.row > 0 ? 0 : 1));
        at[range.partition] = range.end;
        records += range.records;
      }
      ASSERT_EQ(places, window.taken.rows.size() + sum_of(window.taken.bad_records));
      for (std::size_t partition = 0; partition < at.size(); ++partition) {
        ASSERT_EQ(window.taken.commit_offsets[partition], at[partition].offset) << "seed " << seed;
      }
    }
    std::size_t all = 0;
    for (const std::vector<std::int32_t>& rows_of : one.twins.rows_of) all += rows_of.size();
    ASSERT_EQ(records, all);
  }
}

// Where each partition stands before window `next`.
std::vector<Position> positions_before(const std::vector<Window>& windows, std::size_t next,
                                       std::size_t partitions) {
  std::vector<Position> positions(partitions);
  for (std::size_t i = 0; i < next; ++i) {
    for (const PartitionRange& range : windows[i].taken.ranges) positions[range.partition] = range.end;
  }
  return positions;
}

TEST(PackedWindows, GoOnFromAnyPositionAsIfTheyHadNeverStopped) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Case first(seed);
    const std::vector<Window> all = first.packed_windows();
    const std::size_t next = first.random() % (all.size() + 1);
    Case second(seed);
    AssemblerSettings settings = settings_for(second.twins.packed, second.window_rows, kEnd);
    settings.starts = positions_before(all, next, settings.starts.size());
    for (std::size_t partition = 0; partition < settings.starts.size(); ++partition) {
      second.twins.packed.start_at(partition, settings.starts[partition].offset);
    }
    const std::vector<Window> rest = windows_of(second.twins.packed, packed_decoder(), settings);
    ASSERT_EQ(rest.size(), all.size() - next) << "seed " << seed;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      ASSERT_EQ(rest[i].digest, all[next + i].digest) << "seed " << seed << " window " << next + i;
      ASSERT_EQ(told(rest[i].taken.ranges), told(all[next + i].taken.ranges));
    }
  }
}

TEST(PackedWindows, AreReadAgainFromTheirRanges) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Case first(seed);
    const std::vector<Window> all = first.packed_windows();
    const std::size_t begin = first.random() % (all.size() + 1);
    Case second(seed);
    const std::vector<Position> starts = positions_before(all, begin, second.twins.rows_of.size());
    for (std::size_t partition = 0; partition < starts.size(); ++partition) {
      second.twins.packed.start_at(partition, starts[partition].offset);
    }
    WindowSlot slot(second.window_rows, 2, allocate_plain(WindowSlot::bytes_needed(second.window_rows, 2)));
    RangeReader reader(second.twins.packed, packed_decoder(), 2, second.window_rows, &fingerprint_of, starts,
                       std::chrono::milliseconds(0));
    for (std::size_t i = begin; i < all.size(); ++i) {
      ASSERT_EQ(reader.read(all[i].taken.ranges, slot, {}), RangeReader::Outcome::whole) << "seed " << seed;
      ASSERT_EQ(slot.rows > 0 ? rows_digest(slot.view()) : 0, all[i].digest) << "seed " << seed;
      ASSERT_EQ(told(slot.ranges), told(all[i].taken.ranges));
    }
  }
}

TEST(PackedWindows, ARecordThatLostRowsIsToldWhenItIsReadAgain) {
  MemorySource source(partitions_of_topic(1));
  source.append(0, packed_record(0, 0, 10));
  source.append(0, packed_record(0, 10, 10));
  const std::vector<Window> all = windows_of(source, packed_decoder(), settings_for(source, 8, kEnd));
  for (const std::size_t rows : {1, 5, 9, 11}) {
    MemorySource again(partitions_of_topic(1));
    again.append(0, packed_record(0, 0, rows));
    again.append(0, packed_record(0, 10, 10));
    WindowSlot slot(8, 2, allocate_plain(WindowSlot::bytes_needed(8, 2)));
    RangeReader reader(again, packed_decoder(), 1, 8, &fingerprint_of, {{}}, std::chrono::milliseconds(0));
    bool same = true;
    for (const Window& window : all) {
      if (reader.read(window.taken.ranges, slot, {}) != RangeReader::Outcome::whole ||
          rows_digest(slot.view()) != window.digest) {
        same = false;
        break;
      }
    }
    EXPECT_FALSE(same) << rows;
  }
}

TEST(PackedWindows, StopAfterWholeRecords) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Case one(seed);
    std::size_t all = 0;
    for (const std::vector<std::int32_t>& rows_of : one.twins.rows_of) all += rows_of.size();
    if (all == 0) continue;
    const std::uint64_t wanted = 1 + one.random() % all;
    std::uint64_t records = 0;
    for (const Window& window : one.packed_windows({.when = When::records, .records = wanted})) {
      records += window.taken.records;
    }
    ASSERT_EQ(records, wanted) << "seed " << seed;
  }
}

TEST(PackedWindows, SendABadRecordAwayOnceAndNameItsRow) {
  MemorySource source(partitions_of_topic(1));
  source.append(0, packed_record(0, 0, 10));
  MemorySource::Record infinite = packed_record(0, 10, 10);
  infinite.value->replace(16 + 4 * 11, 4, std::string("\0\0\x80\x7f", 4));
  source.append(0, infinite);
  source.append(0, packed_record(0, 10, 10));
  BadRecordList sink;
  AssemblerSettings settings = settings_for(source, 3, kEnd);
  settings.bad_records = &sink;
  const std::vector<Window> windows = windows_of(source, packed_decoder(), settings);
  ASSERT_EQ(sink.taken().size(), 1U);
  EXPECT_EQ(sink.taken().front().offset, 1);
  ASSERT_EQ(windows.size(), 7U);
  const std::optional<BadRecord>& bad = windows[3].taken.first_bad;
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->offset, 1);
  EXPECT_EQ(bad->row, 5);
  EXPECT_EQ(bad->field, 1);
}

TEST(PackedWindows, TakeTheRowsOfARecordThatIsHeldBeforeTheyGoOnBehindALoss) {
  MemorySource source(partitions_of_topic(1));
  source.append(0, packed_record(0, 0, 20));
  AssemblerSettings settings = settings_for(source, 8, {.when = When::records, .records = 2});
  settings.slots = 1;
  Assembler assembler(source, packed_decoder(), settings, &allocate_plain);
  WindowSlot* const first = assembler.take();
  source.append(0, packed_record(0, 20, 20));
  source.append(0, packed_record(0, 40, 8));
  source.delete_before(0, 2);
  assembler.give_back(first);
  std::vector<std::vector<Place>> windows;
  for (const Window& window : windows_of(assembler)) windows.push_back(window.taken.rows);
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_EQ(windows[0].front(), Place(0, 8));
  EXPECT_EQ(windows[1].size(), 4U) << "the window ends where records are lost";
  EXPECT_EQ(windows[1].back(), Place(0, 19));
  EXPECT_EQ(windows[2].front(), Place(0, 40));
}

}  // namespace
}  // namespace millrace
