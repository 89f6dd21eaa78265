// The journal: what is written is read, and nothing else is.
#include "state/journal.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <variant>
#include <xxhash.h>

#include "millrace/errors.h"

#include "host/state/sample_checkpoints.h"
#include "state/state_folder.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using support::TempDir;
using testing::bytes_of;
using testing::CheckpointDraw;
using testing::write_bytes;

const std::vector<PartitionStart> kPartitions = {{{"rows", 0}, {5, 0}}, {{"rows", 1}, {7, 3}}};

JournalHeader sample_header() { return {42, 0x1234567890abcdefU, CheckpointDraw(3)({4, 8, 1}).settings}; }

JournalWindow sample_window(std::uint64_t index) {
  JournalWindow window;
  window.index = index;
  window.records = 21;
  window.rows = 20;
  window.rows_digest = index * 0x9e3779b97f4a7c15U;
  window.bad_records[2] = 1;
  for (std::uint32_t partition = 0; partition < 2; ++partition) {
    const auto at = static_cast<std::int64_t>(10 * index);
    window.ranges.push_back({.partition = partition,
                             .begin = {at, 0},
                             .end = {at + 10, 2},
                             .records = 10 + partition,
                             .rows = 10,
                             .last_record = {at + 9, 1234, index}});
  }
  return window;
}

bool equal(const PartitionRange& a, const PartitionRange& b) {
  return a.partition == b.partition && a.begin == b.begin && a.end == b.end && a.records == b.records &&
         a.rows == b.rows && a.last_record == b.last_record;
}

bool equal(const JournalEntry& a, const JournalEntry& b) {
  if (a.index() != b.index()) return false;
  if (const auto* partition = std::get_if<PartitionStart>(&a)) {
    return *partition == std::get<PartitionStart>(b);
  }
  if (const auto* back = std::get_if<JournalRollBack>(&a)) {
    const auto& other = std::get<JournalRollBack>(b);
    return back->sequence == other.sequence && back->rows == other.rows;
  }
  const auto& left = std::get<JournalWindow>(a);
  const auto& right = std::get<JournalWindow>(b);
  return left.index == right.index && left.records == right.records && left.rows == right.rows &&
         left.rows_digest == right.rows_digest && left.bad_records == right.bad_records &&
         std::ranges::equal(left.ranges, right.ranges,
                            [](const auto& one, const auto& other) { return equal(one, other); });
}

// A segment with everything in it, and its entries.
std::vector<JournalEntry> write_sample(const fs::path& file) {
  Journal journal(file, sample_header(), kPartitions);
  std::vector<JournalEntry> entries(kPartitions.begin(), kPartitions.end());
  const auto append = [&](const auto& entry) {
    journal.append(entry);
    entries.emplace_back(entry);
  };
  append(sample_window(0));
  append(sample_window(1));
  append(PartitionStart{{"other", 2}, {0, 0}});
  append(JournalRollBack{2, 40});
  append(sample_window(2));
  journal.sync();
  return entries;
}

TEST(Journal, ReadsBackWhatWasAppended) {
  const TempDir scratch;
  const fs::path file = scratch.path() / "journal";
  const std::vector<JournalEntry> entries = write_sample(file);
  const JournalSegment segment = read_journal(file);
  EXPECT_EQ(segment.header, sample_header());
  EXPECT_EQ(segment.trouble, "");
  ASSERT_EQ(segment.entries.size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) EXPECT_TRUE(equal(segment.entries[i], entries[i])) << i;
}

TEST(Journal, IsForItsOwnerOnly) {
  const TempDir scratch;
  write_sample(scratch.path() / "journal");
  struct stat status {};
  ASSERT_EQ(::stat((scratch.path() / "journal").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

// What can be read of damaged bytes: the first entries as they were, with a word on what is missing unless
// the file ends between two; or an error.
void expect_a_prefix_or_an_error(const fs::path& file, const std::vector<JournalEntry>& entries, bool cut) {
  try {
    const JournalSegment segment = read_journal(file);
    ASSERT_LE(segment.entries.size(), entries.size());
    for (std::size_t i = 0; i < segment.entries.size(); ++i) {
      ASSERT_TRUE(equal(segment.entries[i], entries[i])) << i;
    }
    ASSERT_EQ(segment.header, sample_header());
    ASSERT_TRUE(cut || !segment.trouble.empty());
  } catch (const StateError& error) {
    ASSERT_TRUE(error.kind == StateError::Kind::damaged);
  }
}

TEST(Journal, EveryFlippedBitIsFound) {
  const TempDir scratch;
  const fs::path file = scratch.path() / "journal";
  const std::vector<JournalEntry> entries = write_sample(file);
  std::vector<char> bytes = bytes_of(file);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const char before = bytes[at];
    bytes[at] = static_cast<char>(before ^ (1 << at % 8));
    write_bytes(file, bytes);
    expect_a_prefix_or_an_error(file, entries, false);
    bytes[at] = before;
  }
}

TEST(Journal, EveryTruncationLeavesAPrefix) {
  const TempDir scratch;
  const fs::path file = scratch.path() / "journal";
  const std::vector<JournalEntry> entries = write_sample(file);
  std::vector<char> bytes = bytes_of(file);
  const std::size_t whole = bytes.size();
  std::size_t troubled = 0;
  while (!bytes.empty()) {
    bytes.pop_back();
    write_bytes(file, bytes);
    expect_a_prefix_or_an_error(file, entries, true);
    try {
      troubled += read_journal(file).trouble.empty() ? 0 : 1;
    } catch (const StateError&) {
      ++troubled;
    }
  }
  EXPECT_EQ(troubled + entries.size(), whole) << "all but the cuts that fall between two entries";
}

TEST(Journal, AnEntryTakenOutIsFound) {
  const TempDir scratch;
  const fs::path whole = scratch.path() / "whole";
  std::vector<std::vector<char>> parts;
  {
    Journal journal(whole, sample_header(), kPartitions);
    parts.push_back(bytes_of(whole));
    for (std::uint64_t index = 0; index < 3; ++index) {
      journal.append(sample_window(index));
      std::vector<char> bytes = bytes_of(whole);
      std::size_t before = 0;
      for (const auto& part : parts) before += part.size();
      parts.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(before), bytes.end());
    }
  }
  std::vector<char> bytes = parts[0];
  bytes.insert(bytes.end(), parts[1].begin(), parts[1].end());
  bytes.insert(bytes.end(), parts[3].begin(), parts[3].end());
  write_bytes(whole, bytes);
  const JournalSegment segment = read_journal(whole);
  EXPECT_EQ(segment.entries.size(), kPartitions.size() + 1);
  EXPECT_EQ(segment.trouble, "its entry 3 is damaged");
}

TEST(Journal, ARangeOfAPartitionThatNobodyNamedIsDamage) {
  const TempDir scratch;
  const fs::path file = scratch.path() / "journal";
  Journal journal(file, sample_header(), std::span(kPartitions).first(1));
  journal.append(sample_window(0));
  EXPECT_EQ(read_journal(file).trouble, "its entry 1 is damaged");
}

TEST(Journal, ANewerFormatIsToldFromDamage) {
  const TempDir scratch;
  const fs::path file = scratch.path() / "journal";
  std::string bytes = encode_journal_header(sample_header(), "");
  bytes[8] = 2;
  const std::uint64_t checksum = XXH3_64bits(bytes.data(), bytes.size() - 8);
  std::memcpy(bytes.data() + bytes.size() - 8, &checksum, 8);
  write_bytes(file, {bytes.begin(), bytes.end()});
  try {
    (void)read_journal(file);
    FAIL();
  } catch (const StateError& error) {
    EXPECT_EQ(error.kind, StateError::Kind::newer_version);
  }
}

// --- in a state folder

std::vector<std::string> names_in(const fs::path& folder, std::string_view prefix) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(prefix)) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

TEST(JournalInAFolder, EachCheckpointBeginsASegmentAndOldOnesGo) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path());
  folder.set_keep(2);
  CheckpointDraw draw(1);
  for (int i = 0; i < 4; ++i) {
    Checkpoint checkpoint = draw({3, 2, 1});
    folder.save(checkpoint, kPartitions);
    folder.journal().append(sample_window(static_cast<std::uint64_t>(i)));
  }
  EXPECT_EQ(names_in(scratch.path(), "journal-"),
            (std::vector<std::string>{journal_file_name(2), journal_file_name(3)}));
  const Checkpoint newest = folder.newest().value();
  const std::vector<JournalSegment> segments = folder.journal_after(newest);
  ASSERT_EQ(segments.size(), 1U);
  EXPECT_EQ(segments[0].header.sequence, 3U);
  EXPECT_EQ(segments[0].header.trained_digest, trained_digest(newest));
  EXPECT_EQ(std::get<JournalWindow>(segments[0].entries.back()).index, 3U);
}

TEST(JournalInAFolder, ReachesFromAnOlderCheckpointWhereTheNewestIsDamaged) {
  const TempDir scratch;
  {
    StateFolder folder = StateFolder::open(scratch.path());
    CheckpointDraw draw(1);
    for (std::uint64_t i = 0; i < 2; ++i) {
      Checkpoint checkpoint = draw({3, 2, 1});
      folder.save(checkpoint, kPartitions);
      folder.journal().append(sample_window(i));
    }
  }
  std::vector<char> bytes = bytes_of(scratch.path() / checkpoint_file_name(1));
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  write_bytes(scratch.path() / checkpoint_file_name(1), bytes);
  StateFolder folder = StateFolder::open(scratch.path());
  const Checkpoint newest = folder.newest().value();
  EXPECT_EQ(newest.sequence, 0U);
  EXPECT_EQ(folder.journal_after(newest).size(), 2U);
  EXPECT_TRUE(folder.journal_notes().empty());
}

TEST(JournalInAFolder, ADamagedSegmentIsNamed) {
  const TempDir scratch;
  StateFolder folder = StateFolder::open(scratch.path());
  Checkpoint checkpoint = CheckpointDraw(1)({3, 2, 1});
  folder.save(checkpoint, kPartitions);
  const fs::path file = scratch.path() / journal_file_name(0);
  std::vector<char> bytes = bytes_of(file);
  bytes[40] = static_cast<char>(bytes[40] ^ 1);
  write_bytes(file, bytes);
  EXPECT_TRUE(folder.journal_after(checkpoint).empty());
  ASSERT_EQ(folder.journal_notes().size(), 1U);
  EXPECT_NE(folder.journal_notes()[0].find("journal-0000000000.millrace is damaged"), std::string::npos);
}

}  // namespace
}  // namespace millrace
